/** Small things that every part of the page does. */

/**
 * Return the element of an id.
 *
 * @throws Error: the page has none, or of another kind.
 */
export function element<E extends HTMLElement = HTMLElement>(id: string, kind?: new () => E): E {
  const found = document.getElementById(id);
  if (found === null || (kind && !(found instanceof kind))) throw new Error(`the page has no ${id}`);
  return found as E;
}

/** Show or hide the element of an id. */
export function show(id: string, shown: boolean): void {
  element(id).hidden = !shown;
}

/** Say how long something took. */
export function milliseconds(value: number): string {
  return value >= 1000 ? `${(value / 1000).toFixed(1)} s` : `${value.toFixed(value < 10 ? 1 : 0)} ms`;
}

/** Fit the stage to a picture's sides. */
export function fit(width: number, height: number): void {
  const frame = element("frame");
  frame.classList.add("filled");
  frame.style.setProperty("--ratio", String(width / height));
  const stage = element("stage");
  frame.style.setProperty("--shown", `${Math.min(stage.clientWidth, (stage.clientHeight * width) / height)}px`);
  frame.dataset["sides"] = `${width}×${height}`;
}

/** Fill views with new canvases, as a stream keeps those that it was given; `what` is named to those who cannot see. */
export function canvases(views: string, what: string): { canvas: HTMLCanvasElement; before: HTMLCanvasElement } {
  const [canvas, before] = [document.createElement("canvas"), document.createElement("canvas")];
  for (const [made, how] of [[canvas, "restored"], [before, "as it was"]] as const) {
    made.setAttribute("role", "img");
    made.setAttribute("aria-label", `${what} ${how}`);
  }
  before.className = "before";
  element(views).replaceChildren(canvas, before);
  return { canvas, before };
}

/** Put new canvases over those that views have, unseen until `arrived`; see `canvases`. */
export function coming(views: string, what: string): { canvas: HTMLCanvasElement; before: HTMLCanvasElement } {
  const old = [...element(views).children];
  const made = canvases(views, what);
  made.canvas.classList.add("coming");
  made.before.classList.add("coming");
  element(views).prepend(...old);
  return made;
}

/** Milliseconds after which canvases are shown, drawn on or not: a hidden page is not drawn on. */
const PATIENCE = 2000;

/** Wait until a worker's picture has come to the page, which is some frames after it was drawn, and show it alone. */
export async function arrived(views: string, canvas: HTMLCanvasElement, width: number, height: number): Promise<void> {
  const until = performance.now() + PATIENCE;
  while ((canvas.width !== width || canvas.height !== height) && performance.now() < until) await nextFrame();
  await nextFrame();
  for (const each of [...element(views).children]) {
    if (each.classList.contains("coming")) each.classList.remove("coming");
    else each.remove();
  }
}

function nextFrame(): Promise<void> {
  return new Promise((resolve) => {
    const slow = setTimeout(resolve, 100); // hidden pages have no frames
    requestAnimationFrame(() => (clearTimeout(slow), resolve()));
  });
}

/** Let the browser save a file. */
export function saveFile(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** Cover the stage while something goes on, or uncover it. */
export function wait(text: string | null): void {
  show("wait", text !== null);
  show("progress", false);
  show("cancel", false);
  element("wait-text").textContent = text ?? "";
}

window.addEventListener("resize", () => {
  const { classList, dataset } = element("frame");
  const sides = dataset["sides"]?.split("×").map(Number);
  if (sides && classList.contains("filled")) fit(sides[0]!, sides[1]!);
});
