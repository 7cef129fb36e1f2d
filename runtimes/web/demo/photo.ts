/** A photograph: chosen, dropped or one of the samples; before and after; to be downloaded. */

import type { RestoredFrame, Runtime, VideoRestorer } from "restorect-edge-web";

import type { Shell } from "./demo.js";
import { withExif } from "./exif.js";
import { arrived, coming, element, fit, milliseconds, show, wait } from "./page.js";

/** A photograph on the page, and the network's canvases that it is on. */
interface Shown {
  readonly file: File;
  readonly runtime: Runtime;
  readonly stream: VideoRestorer;
  readonly frame: RestoredFrame;
}

/** Shows photographs. */
export class PhotoMode {
  private chosen: File | null = null;
  private shown: Shown | null = null;
  private sampled = false;
  private running: AbortController | null = null;

  constructor(private readonly shell: Shell) {
    const file = element("file", HTMLInputElement);
    element("choose").addEventListener("click", () => file.click());
    file.addEventListener("change", () => this.take(file.files?.[0]));
    element("download").addEventListener("click", () => void this.download());
    element("cancel").addEventListener("click", () => this.running?.abort());
    this.wireDrop();
  }

  /** Show what was chosen before, or the first sample. */
  async enter(): Promise<void> {
    const running = this.begin();
    await this.listSamples();
    if (this.running !== running) return;
    if (this.chosen) await this.restore(this.chosen);
    else if (element("samples").firstChild) (element("samples").firstChild as HTMLButtonElement).click();
    else this.shell.say("Choose a photograph, or drop one here.");
  }

  private wireDrop(): void {
    const stage = document.body;
    const dragging = (on: boolean) => stage.classList.toggle("dragging", on);
    stage.addEventListener("dragover", (event) => {
      event.preventDefault();
      dragging(true);
    });
    stage.addEventListener("dragleave", (event) => {
      if (event.relatedTarget === null) dragging(false);
    });
    stage.addEventListener("drop", (event) => {
      event.preventDefault();
      dragging(false);
      this.receive(event.dataTransfer?.files[0]);
    });
    document.addEventListener("paste", (event) => this.receive(event.clipboardData?.files[0]));
  }

  /** Take a file from elsewhere, in whatever mode the page is. */
  private receive(file: File | undefined): void {
    if (!file) return;
    element("photo-mode").click();
    this.take(file);
  }

  private async listSamples(): Promise<void> {
    const task = element("network", HTMLSelectElement).selectedOptions[0]?.dataset["task"] ?? "";
    const samples = element("samples");
    if (samples.dataset["task"] === task) return;
    const answer = await fetch("samples/index.json").catch(() => null);
    const known = answer?.ok ? ((await answer.json()) as Record<string, string[]>) : {};
    const urls = known[task] ?? known["lowlight"] ?? [];
    samples.replaceChildren(...urls.map((url, index) => this.sample(url, index + 1, index === urls.length - 1)));
    samples.dataset["task"] = task;
    if (this.sampled) this.chosen = null;
  }

  private sample(url: string, number: number, hardest: boolean): HTMLButtonElement {
    const button = document.createElement("button");
    button.type = "button";
    button.append(Object.assign(new Image(), { src: url, alt: `Try photograph ${number}${hardest ? ", a hard one" : ""}` }));
    if (hardest) button.title = "A hard one: nearly black, and it shows";
    button.addEventListener("click", () => void this.fetched(url, button));
    return button;
  }

  private async fetched(url: string, button: HTMLButtonElement): Promise<void> {
    const running = this.begin();
    try {
      const answer = await fetch(url);
      const file = new File([await answer.blob()], url.split("/").pop()!);
      if (this.running === running) this.take(file, button);
    } catch (error) {
      if (this.running === running) this.shell.fail(error);
    }
  }

  private take(file: File | undefined, sample: HTMLButtonElement | null = null): void {
    if (!file) return;
    for (const button of element("samples").children) button.setAttribute("aria-pressed", String(button === sample));
    this.sampled = sample !== null;
    this.chosen = file;
    this.restore(file).catch((error: unknown) => this.shell.fail(error));
  }

  /** Give up what is going on. */
  leave(): void {
    this.running?.abort();
    this.running = null;
  }

  /** Give up what is going on for something new. */
  private begin(): AbortController {
    this.leave();
    return (this.running = new AbortController());
  }

  private async restore(file: File): Promise<void> {
    const running = this.begin();
    show("error", false);
    this.label();
    try {
      await this.show(file, running.signal);
    } catch (error) {
      if (this.running === running) throw error; // else another was chosen meanwhile
    } finally {
      if (this.running === running) this.running = null;
      this.label();
    }
  }

  private async show(file: File, signal: AbortSignal): Promise<void> {
    wait("Loading the network…");
    const runtime = await this.runtime();
    if (this.shown?.file !== file || this.shown.runtime !== runtime) {
      if (!signal.aborted) wait("Restoring…");
      await this.draw(file, runtime, signal);
    }
    if (!signal.aborted && this.shown) this.display(this.shown);
  }

  /** Restore a photograph on canvases of its own, so that no other is ever seen at its sides. */
  private async draw(file: File, runtime: Runtime, signal: AbortSignal): Promise<void> {
    const made = coming("photo-views", "The photograph");
    const stream = await runtime.video(made);
    try {
      const onProgress = (done: number, total: number) => this.progress(done, total, signal);
      const frame = await stream.restore(file, { signal, onProgress });
      if (signal.aborted) throw new DOMException("another was chosen", "AbortError");
      const old = this.shown;
      this.shown = { file, runtime, stream, frame };
      fit(frame.width, frame.height);
      await arrived("photo-views", made.canvas, frame.width, frame.height);
      if (old?.runtime === runtime) void old.stream.close().catch(() => undefined);
    } catch (error) {
      made.canvas.remove();
      made.before.remove();
      void stream.close().catch(() => undefined);
      throw error;
    }
  }

  private async runtime(): Promise<Runtime> {
    return this.shell.runtime().catch((error: unknown) => {
      this.shown = null; // what is shown has lost its worker
      throw error;
    });
  }

  private progress(done: number, total: number, signal: AbortSignal): void {
    if (total === 1 || signal.aborted) return;
    show("progress", true);
    show("cancel", true);
    Object.assign(element("progress"), { value: done / total });
    element("wait-text").textContent = `Restoring… part ${Math.min(done + 1, total)} of ${total}`;
  }

  private display({ frame: { width, height, timings } }: Shown): void {
    fit(width, height);
    wait(null);
    const megapixels = ((width * height) / 1e6).toFixed(1);
    this.shell.say(`${width} × ${height} (${megapixels} megapixels) in ${milliseconds(timings.total)}`);
    this.shell.times(timings);
  }

  private label(): void {
    element("download", HTMLButtonElement).disabled = this.shown === null || this.running !== null;
  }

  private async download(): Promise<void> {
    if (!this.shown) return;
    try {
      const { file, stream } = this.shown;
      const name = file.name.replace(/\.[^.]*$/, "");
      if (/^image\/(png|bmp|gif)$/.test(file.type)) return this.shell.save(await stream.snapshot(), `${name}-restored.png`);
      const written = await stream.snapshot({ type: "image/jpeg" });
      this.shell.save(await withExif(written, file), `${name}-restored.jpg`);
    } catch (error) {
      this.shell.fail(error);
    }
  }
}
