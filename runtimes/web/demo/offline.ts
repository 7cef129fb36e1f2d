/** What makes the page work without a network. */

import type { Manifest } from "restorect-edge-web";

/** As in sw/sw.ts, which looks there while there is no network. */
const ARTIFACTS = "artifacts";

/**
 * Keep the page and an artifact for use offline; return whether both are kept.
 *
 * The first visit loads its artifact before the service worker sees what is fetched, so the page keeps it itself.
 */
export async function keptOffline(folder: string, manifest: Manifest): Promise<boolean> {
  if (!("serviceWorker" in navigator)) return false;
  try {
    await navigator.serviceWorker.register("sw.js");
    const cache = await caches.open(ARTIFACTS);
    const files = ["manifest.json", ...manifest.graphs.map(({ file }) => file.split("/").map(encodeURIComponent).join("/"))];
    for (const url of ["artifacts/index.json", ...files.map((file) => folder + file)]) {
      if (!(await cache.match(url))) await cache.add(url);
    }
    await navigator.serviceWorker.ready;
    return true;
  } catch {
    return false; // no storage left, a private window, or offline since
  }
}
