// How sharp, noisy, bright and colored the picture of a face is; fau_tf/inference/picture_quality.py.

const CLIPPED_FROM = 253; // level of a color from which it counts as clipped
const NOISE_KERNEL = [1, -2, 1, -2, 4, -2, 1, -2, 1].map((weight) => weight / 6);
const TO_SIGMA = 1.4826; // median absolute deviation -> standard deviation
const MANY = 4000; // pixels, of which a quarter gives the median as well
const LEAST = 1e-3; // squared gray levels

/**
 * Return the measures of a face from brows to chin.
 *
 * @param crop (size, size, 3) RGB.
 * @returns {sharpness, noise, brightness, contrast, clipped, color}.
 */
export function pictureQuality(crop, size) {
  const rows = [Math.floor(size / 5), size - Math.floor(size / 10)];
  const columns = [Math.floor(size / 5), size - Math.floor(size / 5)];
  const [height, width] = [rows[1] - rows[0], columns[1] - columns[0]];
  const count = height * width;
  const gray = new Float32Array(count);
  const histogram = new Uint32Array(256);
  let [total, clipped, colors] = [0, 0, 0];
  let at = 0;
  for (let row = rows[0]; row < rows[1]; row++) {
    for (let column = columns[0]; column < columns[1]; column++) {
      const i = 3 * (row * size + column);
      const [red, green, blue] = [crop[i], crop[i + 1], crop[i + 2]];
      const level = (red * 9798 + green * 19235 + blue * 3735 + 16384) >> 15; // as OpenCV has it
      const largest = Math.max(red, green, blue);
      gray[at++] = level;
      histogram[level]++;
      total += level;
      clipped += largest >= CLIPPED_FROM ? 1 : 0;
      colors += largest - Math.min(red, green, blue);
    }
  }
  const mean = total / count;
  const contrast = Math.sqrt(gray.reduce((sum, level) => sum + (level - mean) ** 2, 0) / count);
  const noise = noiseLevel(gray, width, height);
  return {
    sharpness: sharpness(gray, width, height, noise),
    noise: noise / Math.max(contrast, 1),
    brightness: percentile(histogram, 0.9 * count),
    contrast,
    clipped: clipped / count,
    color: colors / count / Math.max(mean, 1),
  };
}

/** Return the standard deviation of the noise, gray levels (Immerkaer, 1996, with the median). */
export function noiseLevel(gray, width, height) {
  const [columns, rows] = [width - 2, height - 2];
  const step = columns * rows > MANY ? 2 : 1;
  const residual = [];
  for (let row = 0; row < rows; row += step) {
    for (let column = 0; column < columns; column += step) {
      let sum = 0;
      for (let k = 0; k < 9; k++) {
        sum += NOISE_KERNEL[k] * gray[(row + Math.floor(k / 3)) * width + column + (k % 3)];
      }
      residual.push(Math.abs(sum));
    }
  }
  const sorted = Float32Array.from(residual).sort();
  const half = sorted.length >> 1;
  return TO_SIGMA * (sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2);
}

/**
 * Return how fine the details of a picture are, 0 to 1, whatever its noise and contrast.
 *
 * Differences between neighbors at a half and at a quarter of the size, without the share that noise
 * has in them; the less sharp of both directions counts.
 */
function sharpness(gray, width, height, noise) {
  const half = halved(gray, width, height);
  const quarter = halved(half.data, half.width, half.height);
  const ratios = [0, 1].map((axis) => {
    // Means of 4 and 16 px have a half and a quarter of the noise; a difference has two of them.
    const fine = roughness(half, axis) - (2 * noise ** 2) / 4;
    const coarse = roughness(quarter, axis) - (2 * noise ** 2) / 16;
    return Math.sqrt(Math.max(fine, 0) / Math.max(coarse, LEAST));
  });
  return Math.min(Math.max(2 * Math.min(...ratios) - 1, 0), 1);
}

/** Return the mean squared difference of neighbors, below each other (axis 0) or side by side. */
function roughness({ data, width, height }, axis) {
  const [rows, columns] = axis ? [height, width - 1] : [height - 1, width];
  let sum = 0;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const i = row * width + column;
      sum += (data[axis ? i + 1 : i + width] - data[i]) ** 2;
    }
  }
  return sum / (rows * columns);
}

/** Return the means of 2 x 2 px; a last odd row or column is left out. */
function halved(gray, width, height) {
  const [columns, rows] = [width >> 1, height >> 1];
  const data = new Float32Array(columns * rows);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const i = 2 * row * width + 2 * column;
      data[row * columns + column] = (gray[i] + gray[i + width] + gray[i + 1] + gray[i + 1 + width]) / 4;
    }
  }
  return { data, width: columns, height: rows };
}

/** Return the smallest gray level that `wanted` pixels have at most. */
function percentile(histogram, wanted) {
  let sum = 0;
  for (let level = 0; level < histogram.length; level++) {
    sum += histogram[level];
    if (sum >= wanted) return level;
  }
  return histogram.length;
}
