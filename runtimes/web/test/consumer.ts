/** A page that uses the published package; type-checked against what `npm pack` holds. */

import { load, toImageData, type RawFrame, type Restorer } from "restorect-edge-web";

export async function brightened(data: Uint8Array): Promise<ImageData> {
  const frame: RawFrame = { layout: "nv21", width: 96, height: 64, sliceHeight: 64, data };
  const restorer: Restorer = await load("artifact/");
  const { image } = await restorer.restore(frame);
  return image.width === 0 ? toImageData(frame) : image;
}
