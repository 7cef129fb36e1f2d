/** Modules of `src`, for tests that need no browser. */

import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const SOURCE = path.join(path.dirname(path.dirname(fileURLToPath(import.meta.url))), "src");

/** Import what `contents`, TypeScript beside the modules of `src`, exports. */
export async function bundled(contents) {
  const stdin = { contents, resolveDir: SOURCE };
  const bundle = await build({ stdin, bundle: true, format: "esm", write: false });
  return import(`data:text/javascript;base64,${Buffer.from(bundle.outputFiles[0].contents).toString("base64")}`);
}
