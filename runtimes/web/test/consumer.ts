/** A page that uses the published package; type-checked against what `npm pack` holds. */

import { load, toImageData, type RawFrame, type Runtime } from "restorect-edge-web";

export async function brightened(data: Uint8Array): Promise<ImageData> {
  const frame: RawFrame = { layout: "nv21", width: 96, height: 64, sliceHeight: 64, data };
  const runtime: Runtime = await load("artifact/");
  const { image } = await runtime.restore(frame);
  return image.width === 0 ? toImageData(frame) : image;
}
