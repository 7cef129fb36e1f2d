/** The demo page: chooses what is shown, and says how it went. */

import { type Backend, load, RestorectError, type Runtime, type Timings } from "restorect-edge-web";

import { CameraMode } from "./camera.js";
import { keptOffline } from "./offline.js";
import { element, milliseconds, saveFile, show } from "./page.js";
import { PhotoMode } from "./photo.js";

const network = element("network", HTMLSelectElement);
const backend = element("backend", HTMLSelectElement);
const modes = { photo: new PhotoMode(shell()), live: new CameraMode(shell()) };
let mode: keyof typeof modes = "photo";
let runtime: Promise<Runtime> | null = null;
const listed = listNetworks();

/** An artifact that the server has. */
interface Listed {
  readonly folder: string;
  readonly name: string;
  readonly task: string;
  readonly precision: string;
  readonly license: string;
}

/** What both modes may ask of the page. */
export interface Shell {
  /** The network that is chosen, loaded once. */
  runtime(): Promise<Runtime>;
  fail(error: unknown): void;
  say(text: string): void;
  times(timings: Timings | null): void;
  save(blob: Blob, name: string): void;
}

function shell(): Shell {
  return { runtime: loaded, fail, say, times, save: saveFile };
}

function loaded(): Promise<Runtime> {
  if (runtime) return runtime;
  const opening = opened();
  runtime = opening;
  opening.catch(() => {
    if (runtime === opening) runtime = null; // so that another try is one
  });
  return opening;
}

async function opened(): Promise<Runtime> {
  await listed;
  if (network.value === "") throw new Error("no network is here: export one with make demo-web");
  const folder = `artifacts/${network.value}/`;
  const opening = await load(folder, { backend: backend.value as Backend | "auto" }).catch((error: unknown) => {
    throw navigator.onLine && !isUnreachable(error) ? error : new Error(absent(network.selectedOptions[0]?.text ?? ""));
  });
  element("license").textContent = network.selectedOptions[0]?.dataset["license"] ?? "";
  const { name, notes } = opening.provider;
  element("provider").textContent = `${opening.manifest.name}, ${opening.manifest.precision} · ${name}`;
  element("notes").replaceChildren(...notes.map((note) => Object.assign(document.createElement("li"), { textContent: note })));
  void keptOffline(folder, opening.manifest).then((kept) => {
    element("offline").textContent = kept ? "Works offline from now on." : "This browser keeps nothing for use offline.";
  });
  return opening;
}

function isUnreachable(error: unknown): boolean {
  return error instanceof RestorectError && error.code === "missing" && /Failed to fetch|NetworkError|Load failed/.test(error.message);
}

function absent(name: string): string {
  return `${name} is not on this device yet, and the server cannot be reached: choose it once while there is a connection, then it works offline too`;
}

async function reload(): Promise<void> {
  modes.photo.leave();
  await modes.live.stop();
  const old = runtime;
  runtime = null;
  await old?.then((each) => each.close()).catch(() => undefined);
  await attempt(() => modes[mode].enter());
}

async function choose(next: keyof typeof modes): Promise<void> {
  if (next === mode) return;
  mode = next;
  for (const each of ["photo", "live"] as const) {
    element(`${each}-mode`).setAttribute("aria-pressed", String(each === mode));
    show(`${each}-views`, each === mode);
    show(`${each}-actions`, each === mode);
  }
  element("frame").classList.remove("filled");
  show("error", false);
  times(null);
  await attempt(async () => {
    modes.photo.leave();
    await modes.live.stop();
    await modes[mode].enter();
  });
}

async function attempt(act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    fail(error);
  }
}

function fail(error: unknown): void {
  show("wait", false);
  if (error instanceof RestorectError && error.code === "cancelled") return say("Cancelled.");
  const message = error instanceof Error ? error.message : String(error);
  element("error").textContent = message.charAt(0).toUpperCase() + message.slice(1);
  show("error", true);
  say("");
}

function say(text: string): void {
  const facts = element("facts");
  if (facts.textContent !== text) facts.textContent = text;
}

function times(timings: Timings | null): void {
  for (const stage of ["prepare", "prior", "model", "finish", "total"] as const) {
    element(stage).textContent = timings ? milliseconds(timings[stage]) : "–";
  }
}

/** Move the line between before and after. */
function wireSplit(): void {
  const split = element("split", HTMLInputElement);
  const follow = () => element("frame").style.setProperty("--split", `${split.value}%`);
  split.addEventListener("input", follow);
  follow();
}

function wireTheme(): void {
  const root = document.documentElement;
  root.dataset["theme"] = localStorage.getItem("theme") ?? "";
  element("theme").addEventListener("click", () => {
    const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    const next = (root.dataset["theme"] || system) === "dark" ? "light" : "dark";
    root.dataset["theme"] = next;
    localStorage.setItem("theme", next);
  });
}

async function listNetworks(): Promise<void> {
  const answer = await fetch("artifacts/index.json").catch(() => null);
  const found = answer?.ok ? ((await answer.json()) as Listed[]) : [];
  const options = found.map(({ folder, name, task, precision, license }) => {
    const option = new Option(`${name}, ${precision}`, folder);
    option.dataset["task"] = task;
    option.dataset["license"] = license ? `Weights ${name}: ${license}.` : "";
    return option;
  });
  network.replaceChildren(...options);
}

async function begin(): Promise<void> {
  wireSplit();
  wireTheme();
  element("photo-mode").addEventListener("click", () => void choose("photo"));
  element("live-mode").addEventListener("click", () => void choose("live"));
  for (const select of [network, backend]) select.addEventListener("change", () => void reload());
  await listed;
  if (mode === "photo") await attempt(() => modes.photo.enter());
}

void begin();
