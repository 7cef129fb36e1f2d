/** Headless Chromium on a server of the built page, for the tests and the golden runner. */

import { fileURLToPath } from "node:url";
import net from "node:net";
import path from "node:path";
import { chromium } from "playwright-core";
import { server } from "../serve.mjs";

const HERE = path.dirname(fileURLToPath(import.meta.url));
const HARNESS = "test/harness.html";
/** Debian's Chromium, unless the environment names another. */
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";

const FLAGS = ["--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const CAMERAS = {
  granted: ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"],
  refused: ["--use-fake-device-for-media-stream", "--deny-permission-prompts"],
  absent: ["--use-fake-ui-for-media-stream"],
};
const GPUS = {
  none: ["--disable-gpu"],
  software: ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan"],
};

/**
 * Start a server and a browser.
 *
 * @param artifacts folder of artifact folders.
 * @param mounts further folders by URL prefix.
 * @param isolated whether the server sends the headers that threads need.
 * @param camera `granted`, `refused` or `absent`.
 * @param video file that the camera plays (Y4M).
 * @param gpu `none`, or `software`: WebGPU as SwiftShader emulates it on the CPU.
 */
export async function start({ artifacts, mounts = {}, isolated = true, camera = "granted", video, gpu = "none" }) {
  const port = await freePort();
  const args = [...FLAGS, ...CAMERAS[camera], ...GPUS[gpu], `--remote-debugging-port=${port}`];
  if (video) args.push(`--use-file-for-fake-video-capture=${video}`);
  const serving = server({ artifacts, mounts: { "/test/": HERE, ...mounts }, isolated });
  await new Promise((resolve) => serving.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${serving.address().port}/`;
  const browser = await chromium.launch({ executablePath: CHROMIUM, args, chromiumSandbox: false });
  const uncaught = [];

  async function opened(page, where) {
    page.on("pageerror", (error) => uncaught.push(error));
    await page.goto(url + where);
    if (where === HARNESS) await page.waitForFunction("window.ready");
    return page;
  }
  return {
    url,
    /** Open a page: the harness, or the demo where `where` is empty. */
    async page(where = HARNESS, options = {}) {
      return opened(await (await browser.newContext(options)).newPage(), where);
    },
    /** Open two tabs, the first in front; Playwright's own pages are never hidden. */
    async tabs(where) {
      const plain = await chromium.connectOverCDP(`http://127.0.0.1:${port}`, { noDefaults: true });
      const context = plain.contexts()[0];
      const second = await context.newPage();
      return [await opened(await context.newPage(), where), second];
    },
    /** Stop the server alone. */
    async offline() {
      serving.closeAllConnections();
      await new Promise((resolve) => serving.close(resolve));
    },
    /** Stop both. @throws what a page did not catch. */
    async close() {
      await browser.close();
      await this.offline();
      if (uncaught.length > 0) throw uncaught[0];
    },
  };
}

async function freePort() {
  const probe = net.createServer();
  await new Promise((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const { port } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
