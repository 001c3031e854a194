// A small network that sees what hides parts of an aligned face, and whether it is a face at all;
// fau_tf/inference/occlusion.py. 23,000 weights: faster in plain loops than by a call into wasm.

const SIDE = 64; // px of the network's input
const CELLS = 8; // rows and columns of cells
const EYES = [[2, 3, 2, 4], [2, 3, 4, 6]]; // rows from, to; columns from, to
const MOUTH = [5, 7, 2, 6];
const CHIN = [6, 7, 3, 5];
const CHIN_PART = 0.6; // a hidden chin takes AU17 alone
const LAYERS = [["conv0", 2], ["conv1", 2], ["conv2", 2], ["conv3", 1]]; // and their strides

/**
 * Return name -> {shape, values} of the weights, as the loops below read them.
 *
 * @param bytes of the file: 32-bit floats, little-endian, one array after the other.
 * @param arrays [{name, shape}] in the order of the file; the last axis of a shape is the output.
 */
export function readWeights(bytes, arrays) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const weights = {};
  let at = 0;
  for (const { name, shape } of arrays) {
    const size = shape.reduce((product, side) => product * side, 1);
    const outputs = shape.at(-1);
    const inputs = size / outputs;
    // Output by output, in 64 bits: no conversion in the loops.
    const values = new Float64Array(size);
    for (let i = 0; i < size; i++) values[(i % outputs) * inputs + Math.floor(i / outputs)] = view.getFloat32(at + 4 * i, true);
    weights[name] = { inputs, outputs, values };
    at += 4 * size;
  }
  return weights;
}

/**
 * Return what hides parts of a face, 0 to 1 each: {eyes, mouth, face}.
 *
 * @param crop (size, size, 3) RGB, aligned; size is at least 64.
 */
export function occlusion(crop, size, weights) {
  let features = standardized(smaller(crop, size));
  let side = SIDE;
  for (const [name, stride] of LAYERS) {
    features = convolved(features, side, weights[name], weights[`${name}_bias`], stride);
    side /= stride;
  }
  const { hidden, face } = heads(features, weights);
  const share = ([top, bottom, left, right]) => {
    let sum = 0;
    for (let row = top; row < bottom; row++) {
      for (let column = left; column < right; column++) sum += hidden[row * CELLS + column];
    }
    return sum / ((bottom - top) * (right - left));
  };
  return { eyes: Math.max(...EYES.map(share)), mouth: Math.max(share(MOUTH), CHIN_PART * share(CHIN)), face };
}

/**
 * Return the (64, 64, 3) means of the crop over the area of each pixel, rounded half up.
 *
 * A pixel of the crop that lies in two areas counts in each by its share, as in OpenCV's INTER_AREA.
 */
export function smaller(crop, size) {
  if (!(size >= SIDE)) throw new RangeError(`The side of the crop must be at least ${SIDE}, not ${size}.`);
  const block = size / SIDE;
  const wide = new Float64Array(size * SIDE * 3); // sums along rows
  for (let i = 0; i < SIDE; i++) {
    for (let x = Math.floor(i * block); x < (i + 1) * block; x++) {
      const share = Math.min(x + 1, (i + 1) * block) - Math.max(x, i * block);
      for (let y = 0; y < size; y++) {
        for (let k = 0; k < 3; k++) wide[3 * (y * SIDE + i) + k] += share * crop[3 * (y * size + x) + k];
      }
    }
  }
  const row = 3 * SIDE;
  const small = new Float64Array(SIDE * row);
  for (let i = 0; i < SIDE; i++) {
    for (let y = Math.floor(i * block); y < (i + 1) * block; y++) {
      const share = Math.min(y + 1, (i + 1) * block) - Math.max(y, i * block);
      for (let j = 0; j < row; j++) small[i * row + j] += share * wide[y * row + j];
    }
  }
  return small.map((sum) => Math.floor(sum / block ** 2 + 0.5));
}

/** Return the picture with gray levels of mean 0 and deviation 1, -4 to 4. */
function standardized(small) {
  const count = SIDE * SIDE;
  let [sum, squares] = [0, 0];
  for (let i = 0; i < count; i++) {
    const gray = (small[3 * i] + small[3 * i + 1] + small[3 * i + 2]) / 3;
    sum += gray;
    squares += gray * gray;
  }
  const mean = sum / count;
  const deviation = Math.sqrt(Math.max(squares / count - mean * mean, 0));
  return small.map((value) => Math.min(Math.max((value - mean) / (deviation + 2), -4), 4));
}

/** Return ReLU of a 3 x 3 convolution of (side, side, channels) with a border of zeros. */
function convolved(features, side, kernel, bias, stride) {
  const { inputs, outputs, values } = kernel;
  const channels = inputs / 9;
  const small = side / stride;
  const result = new Float64Array(small * small * outputs);
  const window = new Float64Array(inputs);
  for (let row = 0; row < small; row++) {
    for (let column = 0; column < small; column++) {
      gather(features, side, channels, row * stride - 1, column * stride - 1, window);
      multiply(window, values, bias.values, result, (row * small + column) * outputs, outputs);
    }
  }
  for (let i = 0; i < result.length; i++) result[i] = Math.max(result[i], 0);
  return result;
}

/** Copy the 3 x 3 window whose corner is at (row, column). */
function gather(features, side, channels, row, column, window) {
  const width = 3 * channels;
  window.fill(0);
  for (let y = 0; y < 3; y++) {
    if (row + y < 0 || row + y >= side) continue;
    const first = Math.max(column, 0);
    const last = Math.min(column + 3, side);
    const from = ((row + y) * side + first) * channels;
    const to = y * width + (first - column) * channels;
    const count = (last - first) * channels;
    for (let i = 0; i < count; i++) window[to + i] = features[from + i];
  }
}

/** Write the products of a vector with each output's weights, plus biases; four outputs at a time. */
function multiply(vector, weights, bias, result, at, outputs) {
  const size = vector.length;
  let o = 0;
  for (; o + 4 <= outputs; o += 4) {
    let [one, two, three, four] = [bias[o], bias[o + 1], bias[o + 2], bias[o + 3]];
    let w = o * size;
    for (let i = 0; i < size; i++, w++) {
      const value = vector[i];
      one += value * weights[w];
      two += value * weights[w + size];
      three += value * weights[w + 2 * size];
      four += value * weights[w + 3 * size];
    }
    result[at + o] = one;
    result[at + o + 1] = two;
    result[at + o + 2] = three;
    result[at + o + 3] = four;
  }
  for (; o < outputs; o++) {
    let sum = bias[o];
    for (let i = 0; i < size; i++) sum += vector[i] * weights[o * size + i];
    result[at + o] = sum;
  }
}

/** Return the hidden share of each cell, and the probability of a face. */
function heads(features, weights) {
  const cells = CELLS * CELLS;
  const channels = features.length / cells;
  const mean = new Float64Array(channels);
  for (let i = 0; i < features.length; i++) mean[i % channels] += features[i] / cells;
  const context = product(mean, weights.context, weights.context_bias).map((value) => Math.max(value, 0));
  const shared = { values: product(context, weights.cell_context, weights.cell_bias) };
  const hidden = new Float64Array(cells);
  for (let cell = 0; cell < cells; cell++) {
    const own = features.subarray(cell * channels, (cell + 1) * channels);
    const joined = product(own, weights.cell, shared).map((value) => Math.max(value, 0));
    hidden[cell] = sigmoid(product(joined, weights.hidden, weights.hidden_bias)[0]);
  }
  return { hidden, face: sigmoid(product(context, weights.face, weights.face_bias)[0]) };
}

function product(vector, { outputs, values }, bias) {
  const result = new Float64Array(outputs);
  multiply(vector, values, bias.values, result, 0, outputs);
  return result;
}

function sigmoid(value) {
  return 1 / (1 + Math.exp(-Math.min(Math.max(value, -30), 30)));
}
