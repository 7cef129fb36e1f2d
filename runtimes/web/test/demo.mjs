/** What the tests of the demo page ask it. */

/** Wait until a photograph was restored and is shown. */
export async function restored(page, timeout = 60_000) {
  await page.waitForFunction(() => !document.querySelector("#download").disabled || !document.querySelector("#error").hidden, null, { timeout });
  const error = await page.textContent("#error");
  if (await page.isVisible("#error")) throw new Error(error);
}

/** Sides and mean level of what a canvas shows. */
export async function picture(page, selector) {
  return page.evaluate((selector) => {
    const shown = document.querySelector(selector);
    const context = new OffscreenCanvas(64, 64).getContext("2d");
    context.drawImage(shown, 0, 0, 64, 64);
    const { data } = context.getImageData(0, 0, 64, 64);
    const sum = data.reduce((sum, value, at) => (at % 4 < 3 ? sum + value : sum), 0);
    return { width: shown.width, height: shown.height, mean: sum / (64 * 64 * 3) };
  }, selector);
}

/** Note the main thread's tasks of 50 ms and more from now on; shorter ones are never reported. */
export async function watchTasks(page) {
  await page.evaluate(() => {
    window.tasks = [];
    window.observer?.disconnect();
    window.observer = new PerformanceObserver((list) => window.tasks.push(...list.getEntries().map(({ duration }) => duration)));
    window.observer.observe({ entryTypes: ["longtask"] });
  });
}

/** The longest task since `watchTasks`, in ms; 0 where none took 50. */
export async function longestTask(page) {
  return page.evaluate(async () => {
    await new Promise((resolve) => setTimeout(resolve, 100));
    return Math.max(0, ...window.tasks);
  });
}
