/** Makes the page work offline once loaded: its own files are kept, artifacts as they were last fetched. */

declare const self: ServiceWorkerGlobalScope;
/** Set by the build: the page's files, and a hash of them. */
declare const FILES: readonly string[];
declare const VERSION: string;

const PAGE = `page-${VERSION}`;
const ARTIFACTS = "artifacts";

self.addEventListener("install", (event) => {
  event.waitUntil(keep().then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(forgetOthers().then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== self.location.origin) return;
  const path = url.pathname.slice(new URL(self.registration.scope).pathname.length);
  event.respondWith(path.startsWith("artifacts/") ? networkFirst(event.request) : cacheFirst(event.request));
});

async function keep(): Promise<void> {
  const cache = await caches.open(PAGE);
  await cache.addAll(FILES.map((file) => new Request(file, { cache: "reload" })));
}

async function forgetOthers(): Promise<void> {
  const names = (await caches.keys()).filter((name) => name !== PAGE && name !== ARTIFACTS);
  await Promise.all(names.map((name) => caches.delete(name)));
}

async function cacheFirst(request: Request): Promise<Response> {
  const cache = await caches.open(PAGE);
  const found = await cache.match(request, { ignoreSearch: true });
  if (found) return found;
  const response = await fetch(request);
  if (response.ok) await cache.put(request, response.clone());
  return response;
}

/** Artifacts may be replaced on the server, so an old one serves only while there is no network. */
async function networkFirst(request: Request): Promise<Response> {
  const cache = await caches.open(ARTIFACTS);
  try {
    const response = await fetch(request);
    if (response.ok) await cache.put(request, response.clone());
    return response;
  } catch (error) {
    const found = await cache.match(request);
    if (found) return found;
    throw error;
  }
}

export {};
