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
  return plain(await window.reader.read(await pictureAt(url), options));
}

/** Return what a reader finds in each frame of a video of one picture. */
export async function readFrames(url, frames) {
  const picture = await pictureAt(url);
  const results = [];
  for (let i = 0; i < frames; i++) {
    // A smaller time than that of the video before begins a new one.
    results.push(plain(await window.reader.read(picture, { mode: "video", timestampMs: i - 1e6 * window.videos })));
  }
  window.videos++;
  return results;
}

window.videos = 0;

/** Read frames of a video in which a face sways; throw if one has no readings. */
export async function watch(frames) {
  const picture = await pictureAt("/sample/astronaut.png");
  const canvas = new OffscreenCanvas(320, 320);
  const context = canvas.getContext("2d");
  for (let i = 0; i < frames; i++) {
    context.setTransform(1.2, 0, 0, 1.2, 20 * Math.sin(i / 7), 0);
    context.drawImage(picture, 0, 0);
    const options = { mode: "video", timestampMs: performance.now(), heatmaps: true, maxFaces: 1 };
    const { faces } = await window.reader.read(canvas, options);
    if (!(faces[0]?.intensity[0] >= 0)) throw new Error(`frame ${i}: ${faces.length} faces, ${faces[0]?.reason}`);
  }
}

async function pictureAt(url) {
  const picture = new Image();
  picture.src = url;
  await picture.decode();
  return picture;
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
