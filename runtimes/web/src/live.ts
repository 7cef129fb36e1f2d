/** Live view: a camera's frames restored as they come, the newest first where they come too fast. */

import { asRestorectError, RestorectError } from "./errors.js";
import type { Timings } from "./protocol.js";
import type { Runtime, VideoOptions, VideoRestorer } from "./runtime.js";

/** Milliseconds over which frames are counted. */
const COUNTED = 2000;

/** How the live view does. */
export interface LiveStats {
  /** Restored frames a second, over the last two seconds. */
  readonly fps: number;
  /** Frames restored and dropped so far. */
  readonly frames: number;
  readonly dropped: number;
  /** Sides of the restored frame. */
  readonly width: number;
  readonly height: number;
  readonly timings: Timings;
  readonly cuts: number;
  readonly priors: number;
}

/** How to show a camera. */
export interface LiveOptions extends VideoOptions {
  /** Told after every restored frame. */
  readonly onFrame?: (stats: LiveStats) => void;
  /** Told once, when the view ended by itself: the camera was unplugged, or a frame failed. */
  readonly onEnd?: (error: RestorectError) => void;
}

const REFUSED: Record<string, string> = {
  NotAllowedError: "the camera was refused: allow it for this page in the browser's settings, then try again",
  NotFoundError: "no camera was found: connect one, or restore a photograph instead",
  NotReadableError: "the camera is in use by another program: close that, then try again",
  OverconstrainedError: "no camera gives pictures of this size",
};

/**
 * Ask for a camera.
 *
 * @throws RestorectError `camera`: refused, absent or in use; `unsupported`: the page is not secure.
 */
export async function openCamera(wanted: MediaTrackConstraints = {}): Promise<MediaStream> {
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new RestorectError("unsupported", "cameras only work on https pages or on localhost");
  }
  try {
    return await navigator.mediaDevices.getUserMedia({ video: wanted, audio: false });
  } catch (error) {
    const { name, message } = error as DOMException;
    throw new RestorectError("camera", REFUSED[name] ?? `the camera cannot be used: ${message || name}`);
  }
}

/**
 * Shows a playing video restored, until it is stopped.
 *
 * One frame is restored at a time and one waits; a newer one replaces it. While the page is hidden, nothing runs.
 */
export class LiveView {
  private waiting: VideoFrame | ImageBitmap | null = null;
  private busy = false;
  private stopped = false;
  private handle = 0;
  private frames = 0;
  private dropped = 0;
  private times: number[] = [];

  private constructor(
    private readonly stream: VideoRestorer,
    private readonly video: HTMLVideoElement,
    private readonly options: LiveOptions,
  ) {}

  /**
   * Start.
   *
   * @param video whose `srcObject` is a camera's stream, or which plays a file. It need not be on the page.
   * @throws RestorectError as `Runtime.video`.
   */
  static async start(runtime: Runtime, video: HTMLVideoElement, options: LiveOptions = {}): Promise<LiveView> {
    const view = new LiveView(await runtime.video(options), video, options);
    document.addEventListener("visibilitychange", view.onVisibility);
    for (const track of view.tracks()) track.addEventListener("ended", view.onEnded);
    view.onVisibility();
    return view;
  }

  private tracks(): MediaStreamTrack[] {
    return this.video.srcObject instanceof MediaStream ? this.video.srcObject.getVideoTracks() : [];
  }

  private readonly onEnded = (): void => {
    void this.fail(new RestorectError("camera", "the camera was disconnected"));
  };

  private readonly onVisibility = (): void => {
    this.forgetWaiting();
    if (document.hidden) {
      this.unschedule();
      this.video.pause();
      this.times = [];
    } else {
      void this.goOn();
    }
  };

  private async goOn(): Promise<void> {
    try {
      await this.video.play();
      // while the page was hidden, the camera may have turned to another scene
      if (this.frames > 0 && !this.stopped) await this.stream.reset();
    } catch (error) {
      // playing is aborted where the page is hidden meanwhile, which pauses it
      if ((error as DOMException).name !== "AbortError") await this.fail(asRestorectError(error, "camera"));
    }
    this.schedule();
  }

  private schedule(): void {
    if (this.stopped || document.hidden) return;
    this.unschedule();
    this.handle = this.video.requestVideoFrameCallback(() => {
      this.schedule();
      void this.take();
    });
  }

  private unschedule(): void {
    this.video.cancelVideoFrameCallback(this.handle);
  }

  private async take(): Promise<void> {
    const frame = await grabbed(this.video);
    if (frame === null || this.stopped || document.hidden) return frame?.close();
    if (this.waiting) this.dropped++;
    this.forgetWaiting();
    this.waiting = frame;
    if (!this.busy) await this.drain();
  }

  private async drain(): Promise<void> {
    this.busy = true;
    try {
      for (let frame = this.waiting; frame && !this.stopped; frame = this.waiting) {
        this.waiting = null;
        const { image: _, ...facts } = await this.stream.restore(frame);
        if (this.stopped) break;
        this.options.onFrame?.({ fps: this.counted(), frames: ++this.frames, dropped: this.dropped, ...facts });
      }
    } catch (error) {
      if (!this.stopped) await this.fail(asRestorectError(error, "backend"));
    } finally {
      this.busy = false;
    }
  }

  private counted(): number {
    const now = performance.now();
    this.times = [...this.times.filter((time) => now - time < COUNTED), now];
    const passed = now - this.times[0]!;
    return passed > 0 ? (1000 * (this.times.length - 1)) / passed : 0;
  }

  private forgetWaiting(): void {
    this.waiting?.close();
    this.waiting = null;
  }

  private async fail(error: RestorectError): Promise<void> {
    if (this.stopped) return;
    await this.stop().catch(() => undefined);
    this.options.onEnd?.(error);
  }

  /** Write the last restored frame to an image file. */
  async snapshot(...how: Parameters<VideoRestorer["snapshot"]>): Promise<Blob> {
    return this.stream.snapshot(...how);
  }

  /** Stop; the camera's stream stays the caller's to stop. */
  async stop(): Promise<void> {
    if (this.stopped) return;
    this.stopped = true;
    this.unschedule();
    this.forgetWaiting();
    document.removeEventListener("visibilitychange", this.onVisibility);
    for (const track of this.tracks()) track.removeEventListener("ended", this.onEnded);
    await this.stream.close();
  }
}

/** The frame that a video shows, without a copy on the page; null before the first. */
async function grabbed(video: HTMLVideoElement): Promise<VideoFrame | ImageBitmap | null> {
  if (video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return null;
  return typeof VideoFrame === "undefined" ? createImageBitmap(video) : new VideoFrame(video);
}
