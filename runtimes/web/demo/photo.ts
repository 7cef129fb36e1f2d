/** A photograph: chosen, dropped or one of the samples; before and after; to be downloaded. */

import type { Shell } from "./demo.js";
import { element, fit, milliseconds, show, wait } from "./page.js";

/** Shows photographs. */
export class PhotoMode {
  private chosen: { blob: Blob; name: string } | null = null;
  private shown: Blob | null = null;
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
    await this.listSamples();
    if (this.chosen) await this.restore(this.chosen.blob);
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
      element("photo-mode").click();
      this.take(event.dataTransfer?.files[0]);
    });
    document.addEventListener("paste", (event) => this.take(event.clipboardData?.files[0]));
  }

  private async listSamples(): Promise<void> {
    const task = element("network", HTMLSelectElement).selectedOptions[0]?.dataset["task"] ?? "";
    const samples = element("samples");
    if (samples.dataset["task"] === task) return;
    const answer = await fetch("samples/index.json").catch(() => null);
    const known = answer?.ok ? ((await answer.json()) as Record<string, string[]>) : {};
    samples.replaceChildren(...(known[task] ?? known["lowlight"] ?? []).map((url, index) => this.sample(url, index + 1)));
    samples.dataset["task"] = task;
    if (this.sampled) this.chosen = null;
  }

  private sample(url: string, number: number): HTMLButtonElement {
    const button = document.createElement("button");
    button.type = "button";
    button.append(Object.assign(new Image(), { src: url, alt: `Try photograph ${number}` }));
    button.addEventListener("click", () => {
      void fetch(url)
        .then((answer) => answer.blob())
        .then((blob) => this.take(new File([blob], url.split("/").pop()!), button))
        .catch((error: unknown) => this.shell.fail(error));
    });
    return button;
  }

  private take(file: File | undefined, sample: HTMLButtonElement | null = null): void {
    if (!file) return;
    for (const button of element("samples").children) button.setAttribute("aria-pressed", String(button === sample));
    this.sampled = sample !== null;
    this.chosen = { blob: file, name: file.name.replace(/\.[^.]*$/, "") };
    this.restore(file).catch((error: unknown) => this.shell.fail(error));
  }

  private async restore(blob: Blob): Promise<void> {
    this.running?.abort();
    const running = (this.running = new AbortController());
    show("error", false);
    element("download", HTMLButtonElement).disabled = true;
    try {
      wait("Loading the network…");
      const restorer = await this.shell.restorer();
      if (running.signal.aborted) return;
      wait("Restoring…");
      const { image, timings } = await restorer.restoreToBitmap(blob, {
        signal: running.signal,
        onProgress: (done, total) => this.progress(done, total, running),
      });
      if (running.signal.aborted) return image.close();
      const before = await createImageBitmap(blob);
      const megapixels = ((image.width * image.height) / 1e6).toFixed(1);
      this.shell.say(`${image.width} × ${image.height} (${megapixels} megapixels) in ${milliseconds(timings.total)}`);
      this.shell.times(timings);
      this.display(before, image);
      this.shown = blob;
    } catch (error) {
      if (!running.signal.aborted || this.running === running) throw error;
      return;
    }
    wait(null);
    element("download", HTMLButtonElement).disabled = false;
  }

  private progress(done: number, total: number, running: AbortController): void {
    if (total === 1 || running.signal.aborted) return;
    show("progress", true);
    show("cancel", true);
    Object.assign(element("progress"), { value: done / total });
    element("wait-text").textContent = `Restoring… part ${Math.min(done + 1, total)} of ${total}`;
  }

  private display(before: ImageBitmap, after: ImageBitmap): void {
    fit(after.width, after.height);
    for (const [id, bitmap] of [["photo-before", before], ["photo-after", after]] as const) {
      const canvas = element(id, HTMLCanvasElement);
      [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
      canvas.getContext("bitmaprenderer")!.transferFromImageBitmap(bitmap);
    }
  }

  private async download(): Promise<void> {
    if (!this.chosen || !this.shown) return;
    try {
      const restorer = await this.shell.restorer();
      const bitmap = await createImageBitmap(element("photo-after", HTMLCanvasElement));
      const file = await restorer.encode(bitmap, "image/png");
      bitmap.close();
      this.shell.save(file, `${this.chosen.name}-restored.png`);
    } catch (error) {
      this.shell.fail(error);
    }
  }
}
