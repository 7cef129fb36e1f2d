/** Requests to the worker, and its answers. */

import { asRestorectError, RestorectError } from "./errors.js";
import type { Kind, Reply, Requests } from "./protocol.js";

interface Waiting {
  readonly resolve: (answer: never) => void;
  readonly reject: (error: RestorectError) => void;
  readonly progress: ((done: number, total: number) => void) | undefined;
}

interface AskOptions {
  readonly transfer?: Transferable[] | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly progress?: ((done: number, total: number) => void) | undefined;
}

/** The page's end of the line to its worker: requests and their answers. */
export class Channel {
  private readonly worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module", name: "restorect" });
  private readonly waiting = new Map<number, Waiting>();
  private next = 0;
  private ended: RestorectError | null = null;

  constructor() {
    this.worker.addEventListener("message", ({ data }: MessageEvent<Reply>) => this.heard(data));
    this.worker.addEventListener("error", (event) => {
      event.preventDefault();
      this.end(new RestorectError("backend", `the worker stopped: ${event.message || "its script is missing"}`));
    });
  }

  /**
   * Ask the worker something and wait for its answer.
   *
   * @throws RestorectError whatever went wrong there; `input`: what cannot be sent; `closed`.
   */
  async ask<K extends Kind>(kind: K, ask: Requests[K]["ask"], options: AskOptions = {}): Promise<Requests[K]["answer"]> {
    const { transfer = [], signal, progress } = options;
    if (this.ended) throw this.ended;
    if (signal?.aborted) throw new RestorectError("cancelled", "the restoration was cancelled");
    const id = this.next++;
    const cancel = () => this.worker.postMessage({ id: -1, kind: "cancel", of: id });
    signal?.addEventListener("abort", cancel);
    try {
      return await new Promise<Requests[K]["answer"]>((resolve, reject) => {
        this.waiting.set(id, { resolve, reject, progress });
        this.send({ id, kind, ...ask }, transfer);
      });
    } finally {
      this.waiting.delete(id);
      signal?.removeEventListener("abort", cancel);
    }
  }

  private send(request: object, transfer: Transferable[]): void {
    try {
      this.worker.postMessage(request, transfer);
    } catch (error) {
      const { message } = asRestorectError(error, "input");
      throw new RestorectError("input", `the picture cannot be sent to the worker: closed, or given away before? (${message})`);
    }
  }

  private heard(reply: Reply): void {
    const waiting = this.waiting.get(reply.id);
    if (!waiting) return;
    if ("progress" in reply) waiting.progress?.(...reply.progress);
    else if ("error" in reply) waiting.reject(new RestorectError(reply.error.code, reply.error.message));
    else waiting.resolve(reply.answer as never);
  }

  /** End the worker; what waits fails with the code `closed`. */
  close(): void {
    this.end(new RestorectError("closed", "the runtime was closed; load the artifact again"));
  }

  private end(error: RestorectError): void {
    this.ended ??= error;
    this.worker.terminate();
    for (const { reject } of this.waiting.values()) reject(error);
    this.waiting.clear();
  }
}
