// The aligned crop of the AU model; the rules are those of `crop` in fau_metadata.json, and the
// definition is fau_tf/face/align.py.

import { LEVELS, invert, sample, similarity, transform } from "./geometry.js";

/**
 * Return the similarity from picture px to the px of a crop.
 *
 * @param rules `crop` of the metadata.
 * @param landmarks 68 iBUG landmarks, x0, y0, x1, y1, ..., px.
 * @param size side of the crop, px.
 * @param margin field of view relative to the default crop, about the same center.
 */
export function cropMatrix(rules, landmarks, size = rules.size, margin = 1) {
  const source = rules.anchors_ibug68.flatMap((i) => [landmarks[2 * i], landmarks[2 * i + 1]]);
  const target = rules.template.flat().map((at) => (0.5 + (at - 0.5) / margin) * size - 0.5);
  return similarity(source, target);
}

/**
 * Return the (size, size, 3) crop of a picture, RGB, whole numbers in a Float32Array.
 *
 * Bilinear, borders repeated, rounded half up. While a crop pixel spans more than `maxSpan` picture
 * px, the picture is first halved.
 *
 * @param matrix picture px -> crop px.
 * @param maxSpan `shrink.while_px_per_crop_px_above` of the rules.
 */
export function crop(picture, matrix, size, maxSpan, out = new Float32Array(size * size * 3)) {
  const shrunk = shrink(picture, matrix, size, maxSpan);
  return sample(shrunk.pixels, invert(shrunk.matrix), size, LEVELS, out);
}

/** Return the visible part of a picture at no more than `maxSpan` px per crop px, and its matrix. */
function shrink(picture, matrix, size, maxSpan) {
  const scale = 1 / Math.sqrt(Math.abs(matrix[0] * matrix[4] - matrix[1] * matrix[3]));
  let halvings = 0;
  while (scale / 2 ** halvings > maxSpan) halvings++;
  if (!halvings) return { pixels: picture, matrix };
  const [x0, y0, x1, y1] = visible(picture, matrix, size, 2 ** halvings);
  let moved = shifted(matrix, x0, y0);
  let pixels = halve(picture, x0, y0, x1, y1);
  moved = doubled(moved);
  for (let i = 1; i < halvings; i++) {
    pixels = halve(pixels, 0, 0, pixels.width, pixels.height);
    moved = doubled(moved);
  }
  return { pixels, matrix: moved };
}

/** Return the matrix from the px of a part of the picture that begins at (x, y). */
function shifted(matrix, x, y) {
  const [tx, ty] = transform(matrix, x, y);
  return [matrix[0], matrix[1], tx, matrix[3], matrix[4], ty];
}

/** Return the matrix from the px of the halved picture: its pixel x is pixel 2 x + 0.5. */
function doubled(matrix) {
  const [tx, ty] = transform(matrix, 0.5, 0.5);
  return [2 * matrix[0], 2 * matrix[1], tx, 2 * matrix[3], 2 * matrix[4], ty];
}

/** Return [x0, y0, x1, y1]: the part that a crop shows, in whole blocks, with one more around. */
function visible({ width, height }, matrix, size, block) {
  const back = invert(matrix);
  const corners = [[0, 0], [size - 1, 0], [0, size - 1], [size - 1, size - 1]];
  const seen = corners.map(([x, y]) => transform(back, x, y));
  const ends = [0, 1].map((axis) => {
    const limit = axis ? height : width;
    const values = seen.map((point) => point[axis]);
    let low = (Math.floor(Math.floor(Math.min(...values)) / block) - 1) * block;
    low = clamp(low, 0, Math.floor((limit - 1) / block) * block);
    let high = clamp(Math.ceil(Math.max(...values)) + 2 * block + 1, low + 1, limit);
    high = Math.min(low + Math.ceil((high - low) / block) * block, limit);
    return [low, high];
  });
  return [ends[0][0], ends[1][0], ends[0][1], ends[1][1]];
}

/** Return the means of 2 x 2 px of a part; a last odd row or column counts twice. */
function halve({ data, width, channels = 4 }, x0, y0, x1, y1) {
  const [columns, rows] = [Math.ceil((x1 - x0) / 2), Math.ceil((y1 - y0) / 2)];
  const half = new Float32Array(columns * rows * 3);
  let at = 0;
  for (let row = 0; row < rows; row++) {
    const upper = (y0 + 2 * row) * width;
    const lower = Math.min(y0 + 2 * row + 1, y1 - 1) * width;
    for (let column = 0; column < columns; column++) {
      const left = x0 + 2 * column;
      const right = Math.min(left + 1, x1 - 1);
      for (let k = 0; k < 3; k++) {
        // In the order of the definition; the first halving is exact, the next round to 32 bits.
        const total = Math.fround(
          Math.fround(
            Math.fround(data[(upper + left) * channels + k] + data[(lower + left) * channels + k]) +
              data[(upper + right) * channels + k],
          ) + data[(lower + right) * channels + k],
        );
        half[at++] = total * 0.25;
      }
    }
  }
  return { data: half, width: columns, height: rows, channels: 3 };
}

function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}
