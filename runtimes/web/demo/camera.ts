/** The camera: live, before and after, with what it costs. */

import { LiveView, type LiveStats, openCamera, type Runtime } from "restorect-edge-web";

import type { Shell } from "./demo.js";
import { canvases, element, fit, show, wait } from "./page.js";

/** Milliseconds between two changes of the numbers, so that they can be read. */
const READABLE = 250;

/** Shows a camera. */
export class CameraMode {
  private view: LiveView | null = null;
  private stream: MediaStream | null = null;
  /** Stands for what was started last; null where nothing is, or it was stopped. */
  private run: object | null = null;
  private written = 0;

  constructor(private readonly shell: Shell) {
    element("start").addEventListener("click", () => void this.toggle());
    element("snapshot").addEventListener("click", () => void this.save());
    for (const id of ["facing", "size", "steady"]) {
      element(id).addEventListener("change", () => {
        if (this.run) void this.stop().then(() => this.toggle());
      });
    }
  }

  /** Wait to be asked: a page that wants the camera unasked is refused it. */
  async enter(): Promise<void> {
    wait(null);
    this.shell.say("Press Start to use the camera.");
  }

  private async toggle(): Promise<void> {
    if (this.run) return this.stop();
    const run = (this.run = {});
    show("error", false);
    this.label();
    try {
      await this.start(() => this.run === run);
    } catch (error) {
      if (this.run !== run) return;
      await this.stop();
      this.shell.fail(error);
    }
  }

  private async start(wanted: () => boolean): Promise<void> {
    wait("Waiting for the camera…");
    const longestSide = Number(element("size", HTMLSelectElement).value);
    const facingMode = element("facing", HTMLSelectElement).value;
    const stream = await openCamera({ facingMode, width: { ideal: Math.max(640, longestSide) } });
    if (!wanted()) return halt(stream);
    this.stream = stream;
    wait("Loading the network…");
    const runtime = await this.shell.runtime();
    if (!wanted()) return;
    const view = await this.look(runtime, stream, longestSide);
    if (wanted()) this.view = view;
    else await view.stop();
  }

  private async look(runtime: Runtime, stream: MediaStream, longestSide: number): Promise<LiveView> {
    const video = document.createElement("video");
    Object.assign(video, { srcObject: stream, muted: true, playsInline: true });
    const [priorEvery, smooth] = element("steady", HTMLSelectElement).value.split(" ").map(Number);
    const split = runtime.manifest.prior !== null;
    return LiveView.start(runtime, video, {
      ...canvases("live-views", "The camera's picture"),
      longestSide,
      priorEvery: split ? priorEvery! : 1,
      smooth: split ? smooth! : 0,
      onFrame: (stats) => this.report(stats),
      onEnd: (error) => void this.stop().then(() => this.shell.fail(error)),
    });
  }

  private report({ fps, frames, dropped, width, height, timings }: LiveStats): void {
    if (!this.run) return;
    if (frames === 1) {
      wait(null);
      fit(width, height);
    }
    if (performance.now() - this.written < READABLE) return;
    this.written = performance.now();
    this.label();
    element("fps").textContent = fps.toFixed(1);
    element("dropped").textContent = String(dropped);
    this.shell.say(`Live at ${width} × ${height}`);
    this.shell.times(timings);
  }

  private label(): void {
    element("start").textContent = this.run ? "Stop" : "Start";
    element("snapshot", HTMLButtonElement).disabled = this.view === null;
  }

  /** Stop the view and the camera. */
  async stop(): Promise<void> {
    const { run, view, stream } = this;
    [this.run, this.view, this.stream] = [null, null, null];
    this.label(); // at once: the frame on its way takes its time
    if (stream) halt(stream);
    await view?.stop().catch(() => undefined);
    if (!run || this.run) return;
    for (const id of ["fps", "dropped"]) element(id).textContent = "–";
    this.shell.say("The camera is off.");
    wait(null);
    this.label();
  }

  private async save(): Promise<void> {
    try {
      const blob = await this.view?.snapshot();
      if (blob) this.shell.save(blob, "restored-frame.png");
    } catch (error) {
      this.shell.fail(error);
    }
  }
}

function halt(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
}
