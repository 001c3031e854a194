// Pictures of a browser -> RGBA pixels, sRGB, on white.

/** Larger pictures are refused: a decoded one takes four bytes a pixel. */
export const MAX_PIXELS = 64_000_000;

let context = null;

/**
 * Return {data, width, height} of an ImageBitmap, in a worker or on the page.
 *
 * @throws Error if it is too large, or from another site.
 */
export function pixelsOf(bitmap) {
  const { width, height } = bitmap;
  checkSize(width, height);
  context ??= newContext();
  const { canvas } = context;
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  context.fillStyle = "white"; // under what is transparent
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0);
  try {
    const { data } = context.getImageData(0, 0, width, height);
    return { data, width, height };
  } catch (error) {
    throw new Error(`The picture's pixels can't be read: ${error.message} Pictures of other sites need CORS headers.`);
  }
}

/** Return an ImageData on white: its colors where it is opaque. */
export function onWhite({ data, width, height }) {
  checkSize(width, height);
  let copy = data;
  for (let i = 3; i < data.length; i += 4) {
    if (data[i] === 255) continue;
    if (copy === data) copy = data.slice();
    for (let k = i - 3; k < i; k++) copy[k] = 255 + ((data[k] - 255) * data[i]) / 255;
    copy[i] = 255;
  }
  return { data: copy, width, height };
}

function checkSize(width, height) {
  if (!(width > 0 && height > 0)) throw new Error(`A picture must have pixels, not ${width} x ${height}.`);
  if (width * height > MAX_PIXELS) {
    throw new Error(`A picture may have ${MAX_PIXELS / 1e6} million pixels, not ${width} x ${height}. Make it smaller first.`);
  }
}

function newContext() {
  const canvas = globalThis.OffscreenCanvas ? new OffscreenCanvas(1, 1) : document.createElement("canvas");
  return canvas.getContext("2d", { willReadFrequently: true, colorSpace: "srgb", alpha: false });
}
