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

/** Milliseconds that no task of the main thread may take: browsers call those of 50 and more long, and note them. */
const LONG = 50;

/**
 * Do something up to `tries` times, until the page's main thread has no long task meanwhile.
 *
 * Another program may hold up a task once; a task that is long by itself is long every time.
 *
 * @returns the longest task of each try, in ms; 0 where none was long.
 * @throws where every try had one.
 */
export async function withoutLongTasks(page, act, tries = 3) {
  const longest = [];
  for (let round = 0; round < tries; round++) {
    await page.evaluate(() => {
      window.tasks = [];
      window.observer = new PerformanceObserver((list) => window.tasks.push(...list.getEntries().map(({ duration }) => duration)));
      window.observer.observe({ entryTypes: ["longtask"] });
    });
    await act();
    await page.waitForTimeout(200); // they are reported afterwards
    longest.push(await page.evaluate(() => (window.observer.disconnect(), Math.max(0, ...window.tasks))));
    if (longest.at(-1) < LONG) return longest;
  }
  throw new Error(`the longest tasks of the main thread took ${longest.join(", ")} ms`);
}
