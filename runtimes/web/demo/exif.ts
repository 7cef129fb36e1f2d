/** A JPEG's EXIF data in another JPEG: camera, date and place; without the preview, which shows it before. */

const [SOI, SOS, APP1] = [0xffd8, 0xffda, 0xffe1];
const EXIF = "Exif\0\0";
/** TIFF tag of the orientation; the restored picture is upright. */
const ORIENTATION = 0x0112;

/** Return a JPEG with the EXIF data of the file that it was made from, as it is where that has none. */
export async function withExif(made: Blob, source: Blob): Promise<Blob> {
  const found = segment(new DataView(await source.slice(0, 1 << 18).arrayBuffer()));
  return found ? new Blob([made.slice(0, 2), found, made.slice(2)], { type: made.type }) : made;
}

/** Find the EXIF segment of a JPEG, and make it one of an upright picture without a preview. */
function segment(file: DataView): Uint8Array<ArrayBuffer> | null {
  if (file.byteLength < 4 || file.getUint16(0) !== SOI) return null;
  for (let at = 2; at + 4 <= file.byteLength && file.getUint16(at) !== SOS; at += 2 + file.getUint16(at + 2)) {
    const size = 2 + file.getUint16(at + 2);
    if (at + size > file.byteLength) return null;
    if (file.getUint16(at) !== APP1 || text(file, at + 4, EXIF.length) !== EXIF) continue;
    const found = new Uint8Array(size);
    found.set(new Uint8Array(file.buffer, file.byteOffset + at, size));
    return upright(new DataView(found.buffer, 4 + EXIF.length)) ? found : null;
  }
  return null;
}

/** Set the orientation to 1 and leave the preview's directory out; false for damaged data. */
function upright(tiff: DataView): boolean {
  try {
    const little = tiff.getUint16(0) === 0x4949;
    const directory = tiff.getUint32(4, little);
    const count = tiff.getUint16(directory, little);
    for (let entry = directory + 2; entry < directory + 2 + 12 * count; entry += 12) {
      if (tiff.getUint16(entry, little) === ORIENTATION) tiff.setUint16(entry + 8, 1, little);
    }
    tiff.setUint32(directory + 2 + 12 * count, 0, little);
    return true;
  } catch {
    return false;
  }
}

function text(view: DataView, at: number, length: number): string {
  return String.fromCharCode(...new Uint8Array(view.buffer, view.byteOffset + at, Math.min(length, view.byteLength - at)));
}
