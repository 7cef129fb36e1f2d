/** JSON as RFC 8259 has it, and what may not be: two readers must never see two things in one document. */

/** Of a manifest, in bytes. */
export const LARGEST = 1 << 20;
/** Levels of objects and lists. */
const DEEPEST = 32;

/** What is wrong with a document; whoever reads it says where and how to fix it. */
export class Damage extends Error {}

/**
 * Parse JSON: UTF-8 without a byte order mark, no key twice in an object, no number beyond a double.
 *
 * @throws Damage
 */
export function strictJson(content: Uint8Array): unknown {
  if (content.length > LARGEST) throw new Damage("it is larger than 1 MiB");
  const text = decoded(content);
  try {
    watch(text);
    const value: unknown = JSON.parse(text);
    check(value);
    return value;
  } catch (error) {
    if (error instanceof Damage) throw error;
    throw new Damage(`it is no JSON, '${shown(text)}'`);
  }
}

/** The beginning of a text, for a message: control characters become '?'. */
export function shown(text: string): string {
  return text.slice(0, 80).replace(/[\x00-\x1f\x7f]/g, "?");
}

function decoded(content: Uint8Array): string {
  try {
    // A byte order mark that is left in is refused by the parser.
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(content);
  } catch {
    throw new Damage("it is not UTF-8");
  }
}

/** Find what `JSON.parse` takes in silence: keys twice, of which it keeps the last, and any depth. */
function watch(text: string): void {
  const open: (Set<string> | null)[] = [];
  for (let at = 0; at < text.length; at++) {
    const sign = text[at];
    if (sign === "{" || sign === "[") {
      if (open.length === DEEPEST) throw new Damage(`it is nested deeper than ${DEEPEST} levels`);
      open.push(sign === "{" ? new Set() : null);
    } else if (sign === "}" || sign === "]") {
      open.pop();
    } else if (sign === '"') {
      const stop = endOfString(text, at);
      note(text, at, stop, open.at(-1) ?? null);
      at = stop;
    }
  }
}

function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
  return at;
}

function note(text: string, start: number, stop: number, keys: Set<string> | null): void {
  let behind = stop + 1;
  while (" \t\r\n".includes(text[behind] ?? "x")) behind++;
  if (keys === null || text[behind] !== ":") return;
  const key = JSON.parse(text.slice(start, stop + 1)) as string;
  if (keys.has(key)) throw new Damage(`it has the key '${shown(key)}' twice`);
  keys.add(key);
}

function check(value: unknown): void {
  if (typeof value === "number" && !Number.isFinite(value)) throw new Damage("it has a number that is too large");
  if (typeof value === "string" && /\p{Surrogate}/u.test(value)) throw new Damage("it has half of a surrogate pair");
  if (typeof value !== "object" || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    check(key);
    check(inner);
  }
}
