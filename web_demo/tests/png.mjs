// Pixels of an 8-bit PNG file, without a browser.
import { readFileSync } from "node:fs";
import { inflateSync } from "node:zlib";

/** Return {data, width, height}: RGBA. */
export function readPng(file) {
  const content = readFileSync(file);
  const [width, height, depth, kind] = [content.readUInt32BE(16), content.readUInt32BE(20), content[24], content[25]];
  const channels = { 2: 3, 6: 4 }[kind];
  if (depth !== 8 || !channels || content[28]) throw new Error(`${file}: not an 8-bit RGB or RGBA PNG without interlacing`);
  const parts = [];
  for (let at = 8; at < content.length; at += 12 + content.readUInt32BE(at)) {
    if (content.toString("latin1", at + 4, at + 8) === "IDAT") parts.push(content.subarray(at + 8, at + 8 + content.readUInt32BE(at)));
  }
  const rows = unfiltered(inflateSync(Buffer.concat(parts)), width * channels, height, channels);
  const data = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let i = 0; i < width * height; i++) data.set(rows.subarray(i * channels, (i + 1) * channels), 4 * i);
  return { data, width, height };
}

function unfiltered(raw, stride, height, step) {
  const out = new Uint8Array(stride * height);
  for (let row = 0; row < height; row++) {
    const filter = raw[row * (stride + 1)];
    for (let i = 0; i < stride; i++) {
      const at = row * stride + i;
      const left = i >= step ? out[at - step] : 0;
      const above = row ? out[at - stride] : 0;
      const corner = row && i >= step ? out[at - stride - step] : 0;
      const guess = [0, left, above, (left + above) >> 1, paeth(left, above, corner)][filter];
      out[at] = raw[row * (stride + 1) + 1 + i] + guess;
    }
  }
  return out;
}

function paeth(left, above, corner) {
  const apart = [left, above, corner].map((value) => Math.abs(left + above - corner - value));
  if (apart[0] <= apart[1] && apart[0] <= apart[2]) return left;
  return apart[1] <= apart[2] ? above : corner;
}
