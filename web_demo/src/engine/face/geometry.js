// Points, similarities and sampling, as in fau_tf/face/align.py, which is the definition.
//
// A matrix is (2, 3) as six numbers, row by row. A picture is {data, width, height}: RGBA, 8 bits,
// row by row, on white: alpha is ignored. Points are (x, y) px, pixel centers on integers.

/** Return point (x, y) mapped by a matrix. */
export function transform(matrix, x, y) {
  return [x * matrix[0] + y * matrix[1] + matrix[2], x * matrix[3] + y * matrix[4] + matrix[5]];
}

/** Return points x0, y0, x1, y1, ... mapped by a matrix, in 64-bit floats. */
export function transformAll(matrix, points) {
  const mapped = new Float64Array(points.length);
  for (let i = 0; i < points.length; i += 2) {
    const [x, y] = transform(matrix, points[i], points[i + 1]);
    mapped[i] = x;
    mapped[i + 1] = y;
  }
  return mapped;
}

/** Return the inverse of a matrix. */
export function invert([a, b, c, d, e, f]) {
  const det = a * e - b * d;
  const [ia, ib, id, ie] = [e / det, -b / det, -d / det, a / det];
  return [ia, ib, -(ia * c + ib * f), id, ie, -(id * c + ie * f)];
}

/**
 * Return the similarity that maps source to target with the least squared error.
 *
 * Both are x0, y0, x1, y1, ... As complex numbers t = z s, and least squares gives
 * z = sum(conj(s) t) / sum(|s|^2).
 */
export function similarity(source, target) {
  const [sx, sy] = center(source);
  const [tx, ty] = center(target);
  let spread = 0;
  let real = 0;
  let imag = 0;
  for (let i = 0; i < source.length; i += 2) {
    const [px, py] = [source[i] - sx, source[i + 1] - sy];
    const [qx, qy] = [target[i] - tx, target[i + 1] - ty];
    spread += px * px + py * py;
    real += px * qx + py * qy;
    imag += px * qy - py * qx;
  }
  if (!(spread > 0)) {
    throw new RangeError("Source points of a similarity must be finite and not all equal.");
  }
  real /= spread;
  imag /= spread;
  return [real, -imag, tx - (real * sx - imag * sy), imag, real, ty - (imag * sx + real * sy)];
}

function center(points) {
  let x = 0;
  let y = 0;
  for (let i = 0; i < points.length; i += 2) {
    x += points[i];
    y += points[i + 1];
  }
  return [(2 * x) / points.length, (2 * y) / points.length];
}

/** Return {x0, y0, x1, y1}: the smallest box around points. */
export function bounds(points) {
  const box = { x0: Infinity, y0: Infinity, x1: -Infinity, y1: -Infinity };
  for (let i = 0; i < points.length; i += 2) {
    box.x0 = Math.min(box.x0, points[i]);
    box.x1 = Math.max(box.x1, points[i]);
    box.y0 = Math.min(box.y0, points[i + 1]);
    box.y1 = Math.max(box.y1, points[i + 1]);
  }
  return box;
}

/**
 * Sample a picture bilinearly in 64-bit floats at the px of a square crop, rounded half up.
 *
 * @param pixels {data, width, height, channels, stride}: `channels` values a pixel, 0 to 255, of which
 *   the first three are read; `stride` pixels from row to row. By default 4, and the width. Data is a
 *   Uint8ClampedArray or a Float32Array.
 * @param matrix crop px -> px of `data`.
 * @param side of the crop, px.
 * @param table values for the gray levels 0 to 255, a Float32Array.
 * @param out (side, side, 3) Float32Array that is filled and returned.
 * @param zero whether zeros lie around the picture; else its border is repeated.
 */
export function sample(pixels, matrix, side, table, out, zero = false) {
  const { data, width, height, channels = 4, stride = width } = pixels;
  const [a, b, c, d, e, f] = matrix;
  // A ring of zeros: beyond it all that is repeated is zero.
  const ring = zero ? 1 : 0;
  const right = width - 1 + 2 * ring;
  const lower = height - 1 + 2 * ring;
  let at = 0;
  for (let v = 0; v < side; v++) {
    const vb = v * b;
    const ve = v * e;
    for (let u = 0; u < side; u++) {
      const x = Math.min(Math.max(u * a + vb + c + ring, 0), right);
      const y = Math.min(Math.max(u * d + ve + f + ring, 0), lower);
      const x0 = x | 0;
      const y0 = y | 0;
      const x1 = x0 < right ? x0 + 1 : x0;
      const y1 = y0 < lower ? y0 + 1 : y0;
      const dx = x - x0;
      const dy = y - y0;
      if (zero && (x0 === 0 || y0 === 0 || x1 === right || y1 === lower)) {
        for (let k = 0; k < 3; k++) {
          const upper = ringed(pixels, x0, y0, k) * (1 - dx) + ringed(pixels, x1, y0, k) * dx;
          const under = ringed(pixels, x0, y1, k) * (1 - dx) + ringed(pixels, x1, y1, k) * dx;
          out[at++] = table[(upper * (1 - dy) + under * dy + 0.5) | 0];
        }
        continue;
      }
      const upperRow = (y0 - ring) * stride - ring;
      const underRow = (y1 - ring) * stride - ring;
      const p00 = (upperRow + x0) * channels;
      const p01 = (upperRow + x1) * channels;
      const p10 = (underRow + x0) * channels;
      const p11 = (underRow + x1) * channels;
      const left = 1 - dx;
      const above = 1 - dy;
      const red = (data[p00] * left + data[p01] * dx) * above + (data[p10] * left + data[p11] * dx) * dy;
      const green =
        (data[p00 + 1] * left + data[p01 + 1] * dx) * above + (data[p10 + 1] * left + data[p11 + 1] * dx) * dy;
      const blue =
        (data[p00 + 2] * left + data[p01 + 2] * dx) * above + (data[p10 + 2] * left + data[p11 + 2] * dx) * dy;
      out[at] = table[(red + 0.5) | 0];
      out[at + 1] = table[(green + 0.5) | 0];
      out[at + 2] = table[(blue + 0.5) | 0];
      at += 3;
    }
  }
  return out;
}

function ringed({ data, width, height, channels = 4, stride = width }, x, y, k) {
  const outside = x < 1 || y < 1 || x > width || y > height;
  return outside ? 0 : data[((y - 1) * stride + x - 1) * channels + k];
}

/** Gray level -> gray level, for crops that are not a network's input. */
export const LEVELS = Float32Array.from({ length: 256 }, (_, level) => level);
