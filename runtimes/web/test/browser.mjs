/** Headless Chromium on a server of the built page, for the tests and the golden runner. */

import { fileURLToPath } from "node:url";
import path from "node:path";
import { chromium } from "playwright-core";
import { server } from "../serve.mjs";

const HERE = path.dirname(fileURLToPath(import.meta.url));
export const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";

const FLAGS = [
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--use-fake-device-for-media-stream",
];

/**
 * Start a server and a browser.
 *
 * @param artifacts folder of artifact folders.
 * @param mounts further folders by URL prefix.
 * @param isolated whether the server sends the headers that threads need.
 * @param video file that the camera plays (Y4M).
 * @param camera whether the camera is granted; otherwise it is refused.
 * @param gpu `none`, or `software`: WebGPU as SwiftShader emulates it.
 */
export async function start({ artifacts, mounts = {}, isolated = true, video, camera = true, gpu = "none" }) {
  const serving = server({ artifacts, mounts: { "/test/": HERE, ...mounts }, isolated });
  await new Promise((resolve) => serving.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${serving.address().port}/`;
  const args = [...FLAGS];
  if (gpu === "none") args.push("--disable-gpu");
  else args.push("--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan");
  if (video) args.push(`--use-file-for-fake-video-capture=${video}`);
  args.push(camera ? "--use-fake-ui-for-media-stream" : "--deny-permission-prompts");
  const browser = await chromium.launch({ executablePath: CHROMIUM, args, chromiumSandbox: false });
  return {
    browser,
    url,
    serving,
    /** Open a page; what it logs as an error fails the test in `close`. */
    async page(where = "test/harness.html", options = {}) {
      const context = await browser.newContext(options);
      const page = await context.newPage();
      await page.goto(url + where);
      if (where === "test/harness.html") await page.waitForFunction("window.ready");
      return page;
    },
    async close() {
      await browser.close();
      serving.closeAllConnections();
      await new Promise((resolve) => serving.close(resolve));
    },
  };
}
