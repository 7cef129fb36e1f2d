/** The camera: live, before and after, with what it costs. */

import { LiveView, type LiveStats, openCamera } from "restorect-edge-web";

import type { Shell } from "./demo.js";
import { element, fit, show, wait } from "./page.js";

/** Milliseconds between two changes of the numbers, so that they can be read. */
const READABLE = 250;

/** Shows a camera. */
export class CameraMode {
  private view: LiveView | null = null;
  private stream: MediaStream | null = null;
  private starting = false;
  private written = 0;

  constructor(private readonly shell: Shell) {
    element("start").addEventListener("click", () => void this.toggle());
    element("snapshot").addEventListener("click", () => void this.save());
    for (const id of ["facing", "size", "steady"]) {
      element(id).addEventListener("change", () => {
        if (this.stream) void this.stop().then(() => this.toggle());
      });
    }
  }

  /** Start the camera. */
  async enter(): Promise<void> {
    wait(null);
    await this.toggle();
  }

  private async toggle(): Promise<void> {
    if (this.starting) return;
    if (this.stream) return this.stop();
    this.starting = true;
    show("error", false);
    try {
      await this.start();
    } catch (error) {
      await this.stop();
      this.shell.fail(error);
    } finally {
      this.starting = false;
      this.label();
    }
  }

  private async start(): Promise<void> {
    wait("Waiting for the camera…");
    const longestSide = Number(element("size", HTMLSelectElement).value);
    const facingMode = element("facing", HTMLSelectElement).value;
    this.stream = await openCamera({ facingMode, width: { ideal: Math.max(640, longestSide) } });
    wait("Loading the network…");
    const restorer = await this.shell.restorer();
    const video = document.createElement("video");
    Object.assign(video, { srcObject: this.stream, muted: true, playsInline: true });
    const [priorEvery, smooth] = element("steady", HTMLSelectElement).value.split(" ").map(Number);
    const split = restorer.manifest.prior !== null;
    this.view = await LiveView.start(restorer, video, {
      ...this.canvases(),
      longestSide,
      priorEvery: split ? priorEvery! : 1,
      smooth: split ? smooth! : 0,
      onFrame: (stats) => this.report(stats),
      onEnd: (error) => {
        void this.stop();
        this.shell.fail(error);
      },
    });
  }

  /** New canvases, as the worker keeps those that it was given. */
  private canvases(): { canvas: HTMLCanvasElement; before: HTMLCanvasElement } {
    const [canvas, before] = ["The camera's picture restored", "The camera's picture as it is"].map((label) => {
      const made = document.createElement("canvas");
      made.setAttribute("role", "img");
      made.setAttribute("aria-label", label);
      return made;
    });
    before!.className = "before";
    element("live-views").replaceChildren(canvas!, before!);
    return { canvas: canvas!, before: before! };
  }

  private report({ fps, frames, dropped, width, height, timings }: LiveStats): void {
    if (frames === 1) {
      wait(null);
      fit(width, height);
      this.label();
    }
    if (performance.now() - this.written < READABLE) return;
    this.written = performance.now();
    element("fps").textContent = fps.toFixed(1);
    element("dropped").textContent = String(dropped);
    this.shell.say(`Live at ${width} × ${height}`);
    this.shell.times(timings);
  }

  private label(): void {
    element("start").textContent = this.stream ? "Stop the camera" : "Start the camera";
    element("snapshot", HTMLButtonElement).disabled = this.view === null;
  }

  /** Stop the view and the camera. */
  async stop(): Promise<void> {
    const { view, stream } = this;
    [this.view, this.stream] = [null, null];
    for (const track of stream?.getTracks() ?? []) track.stop();
    await view?.stop().catch(() => undefined);
    for (const id of ["fps", "dropped"]) element(id).textContent = "–";
    if (stream) this.shell.say("The camera is off.");
    wait(null);
    this.label();
  }

  private async save(): Promise<void> {
    try {
      const blob = await this.view?.snapshot("image/png");
      if (blob) this.shell.save(blob, "restored-frame.png");
    } catch (error) {
      this.shell.fail(error);
    }
  }
}
