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
 * Return name -> {shape, values} of the weights.
 *
 * @param bytes of the file: 32-bit floats, little-endian, one array after the other.
 * @param arrays [{name, shape}] in the order of the file.
 */
export function readWeights(bytes, arrays) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const weights = {};
  let at = 0;
  for (const { name, shape } of arrays) {
    const size = shape.reduce((product, side) => product * side, 1);
    weights[name] = { shape, values: Float32Array.from({ length: size }, (_, i) => view.getFloat32(at + 4 * i, true)) };
    at += 4 * size;
  }
  return weights;
}

/**
 * Return what hides parts of a face, 0 to 1 each: {eyes, mouth, face}.
 *
 * @param crop (size, size, 3) RGB, aligned; size is a multiple of 64.
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

/** Return the (64, 64, 3) means of blocks, rounded half up. */
function smaller(crop, size) {
  const block = size / SIDE;
  if (!Number.isInteger(block)) {
    throw new RangeError(`The side of the crop must be a multiple of ${SIDE}, not ${size}.`);
  }
  const small = new Float32Array(SIDE * SIDE * 3);
  for (let i = 0; i < small.length; i++) {
    const [k, column, row] = [i % 3, Math.floor(i / 3) % SIDE, Math.floor(i / (3 * SIDE))];
    let sum = 0;
    for (let y = row * block; y < (row + 1) * block; y++) {
      for (let x = column * block; x < (column + 1) * block; x++) sum += crop[3 * (y * size + x) + k];
    }
    small[i] = Math.floor(sum / block ** 2 + 0.5);
  }
  return small;
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

/** Return ReLU of a 3 x 3 convolution of (side, side, in) with a border of zeros. */
function convolved(features, side, kernel, bias, stride) {
  const [, , inputs, outputs] = kernel.shape;
  const wide = side + 2;
  const padded = new Float32Array(wide * wide * inputs);
  for (let row = 0; row < side; row++) {
    padded.set(features.subarray(row * side * inputs, (row + 1) * side * inputs), ((row + 1) * wide + 1) * inputs);
  }
  const small = side / stride;
  const result = new Float32Array(small * small * outputs);
  const weights = kernel.values;
  const sums = new Float32Array(outputs);
  for (let row = 0; row < small; row++) {
    for (let column = 0; column < small; column++) {
      sums.set(bias.values);
      for (let dy = 0; dy < 3; dy++) {
        // The three columns of a row lie beside each other, in the picture and in the kernel.
        const from = ((row * stride + dy) * wide + column * stride) * inputs;
        let at = dy * 3 * inputs * outputs;
        for (let i = from; i < from + 3 * inputs; i++) {
          const value = padded[i];
          for (let o = 0; o < outputs; o++) sums[o] += value * weights[at++];
        }
      }
      const to = (row * small + column) * outputs;
      for (let o = 0; o < outputs; o++) result[to + o] = Math.max(sums[o], 0);
    }
  }
  return result;
}

/** Return the hidden share of each cell, and the probability of a face. */
function heads(features, weights) {
  const cells = CELLS * CELLS;
  const channels = features.length / cells;
  const mean = new Float32Array(channels);
  features.forEach((value, i) => (mean[i % channels] += value / cells));
  const context = product(mean, weights.context, weights.context_bias).map((value) => Math.max(value, 0));
  const shared = product(context, weights.cell_context, weights.cell_bias);
  const hidden = new Float32Array(cells);
  for (let cell = 0; cell < cells; cell++) {
    const own = product(features.subarray(cell * channels, (cell + 1) * channels), weights.cell, null);
    const joined = own.map((value, i) => Math.max(value + shared[i], 0));
    hidden[cell] = sigmoid(product(joined, weights.hidden, weights.hidden_bias)[0]);
  }
  return { hidden, face: sigmoid(product(context, weights.face, weights.face_bias)[0]) };
}

function product(vector, { shape, values }, bias) {
  const outputs = shape[1];
  const result = bias ? bias.values.slice() : new Float32Array(outputs);
  for (let i = 0; i < vector.length; i++) {
    for (let o = 0; o < outputs; o++) result[o] += vector[i] * values[i * outputs + o];
  }
  return result;
}

function sigmoid(value) {
  return 1 / (1 + Math.exp(-Math.min(Math.max(value, -30), 30)));
}
