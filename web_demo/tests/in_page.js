// Runs inside the page: what tests do there.
import { FauReader } from "/src/reader.js";

/** Load a reader and keep it as `window.reader`; return its info. */
export async function load(options) {
  const seen = [];
  window.reader?.close();
  window.reader = await FauReader.load(undefined, { ...options, onProgress: (progress) => seen.push(progress) });
  return { info: window.reader.info, progress: seen };
}

/** Return what a reader finds in a picture, as plain arrays. */
export async function read(url, options) {
  const picture = new Image();
  picture.src = url;
  await picture.decode();
  return plain(await window.reader.read(picture, options));
}

/** Return a result as JSON can hold it; NaN becomes null. */
export function plain(result) {
  const list = (values) => values && Array.from(values, (value) => (Number.isFinite(value) ? value : null));
  const faces = result.faces.map((face) => ({
    ...face,
    landmarks: list(face.landmarks),
    intensity: list(face.intensity),
    left: list(face.left),
    right: list(face.right),
    heatmaps: face.heatmaps && { ...face.heatmaps, data: list(face.heatmaps.data) },
  }));
  return { ...result, faces };
}
