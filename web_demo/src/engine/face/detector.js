// The face detector: a box, six key points and a score for each face; fau_tf/face/detector.py.
//
// Input: the picture in a 128 px square, centered, zeros around it, v / 127.5 - 1. Outputs: for each
// of 896 anchors a logit, and 16 numbers in px of that square.

import { transform } from "./geometry.js";
import { cut, letterbox, regionMatrix, regionOfBox } from "./regions.js";

export const SIDE = 128;
const GRIDS = [[16, 2], [8, 6]]; // cells of a row, and anchors of a cell
const MAX_LOGIT = 100; // so that the exponential stays finite
const SAME_FACE = 0.3; // intersection over union above which two boxes are of one face
const POINTS = 8; // two corners of the box, six key points

/** Gray level -> input of the network, in 32-bit floats. */
const TABLE = Float32Array.from({ length: 256 }, (_, v) => Math.fround(v / 127.5) - 1);

/** x, y of the anchors in px of the network's input. */
export const ANCHORS = anchors();

/** Finds the faces of a picture that are wider than about an eighth of it. */
export class FaceDetector {
  #network;
  #input = new Float32Array(SIDE * SIDE * 3);

  /** @param network of face_detector.tflite; see litert.js. */
  constructor(network) {
    this.#network = network;
  }

  /**
   * Return the faces of a picture, best score first: {score, box, keypoints, region} in px.
   *
   * @param minScore anchors below it are left out.
   * @param doubtful smaller score of anchors that count where there is no face with `minScore`.
   */
  async detect(picture, minScore, doubtful = null) {
    const square = letterbox(picture.width, picture.height);
    cut(picture, square, SIDE, "zero", TABLE, this.#input);
    const outputs = await this.#network.run(this.#input);
    const { scores, points } = decode(outputs.classificators, outputs.regressors);
    const matrix = regionMatrix(square, SIDE);
    return choose(scores, points, minScore, doubtful).map(([score, face]) => detection(score, face, matrix));
  }
}

/** Return the picture's part [x0, y0, x1, y1] as a picture, which shares its data. */
export function part({ data, width }, [x0, y0, x1, y1]) {
  return { data: data.subarray((y0 * width + x0) * 4), width: x1 - x0, height: y1 - y0, stride: width };
}

/** Return a detection in a picture whose px (0, 0) was here (-x, -y). */
export function moved(found, x, y) {
  const points = found.points.map((value, i) => value + (i % 2 ? y : x));
  return detectionOf(found.score, points);
}

function detection(score, face, matrix) {
  const points = new Float64Array(2 * POINTS);
  for (let i = 0; i < POINTS; i++) {
    [points[2 * i], points[2 * i + 1]] = transform(matrix, face[2 * i], face[2 * i + 1]);
  }
  return detectionOf(score, points);
}

function detectionOf(score, points) {
  const box = { x0: points[0], y0: points[1], x1: points[2], y1: points[3] };
  const keypoints = points.slice(4);
  return { score, points, box, keypoints, region: regionOfBox(box, keypoints) };
}

function anchors() {
  const found = [];
  for (const [cells, count] of GRIDS) {
    for (let row = 0; row < cells; row++) {
      for (let column = 0; column < cells; column++) {
        for (let i = 0; i < count; i++) {
          found.push((column + 0.5) * (SIDE / cells), (row + 0.5) * (SIDE / cells));
        }
      }
    }
  }
  return Float64Array.from(found);
}

/** Return scores, and for each anchor 16 numbers: corners of the box, six key points. */
export function decode(logits, regressors) {
  const count = ANCHORS.length / 2;
  const scores = Float64Array.from(logits, (x) => 1 / (1 + Math.exp(-Math.min(Math.max(x, -MAX_LOGIT), MAX_LOGIT))));
  const points = new Float64Array(count * 2 * POINTS);
  for (let i = 0; i < count; i++) {
    const at = i * 2 * POINTS;
    for (let k = 0; k < 2 * POINTS; k++) points[at + k] = regressors[at + k] + ANCHORS[2 * i + (k % 2)];
    // The network gives center and size of the box.
    for (const axis of [0, 1]) {
      const [middle, half] = [points[at + axis], regressors[at + 2 + axis] / 2];
      points[at + axis] = middle - half;
      points[at + 2 + axis] = middle + half;
    }
  }
  return { scores, points };
}

function choose(scores, points, minScore, doubtful) {
  const faceOf = (i) => points.subarray(i * 2 * POINTS, (i + 1) * 2 * POINTS);
  const indices = Array.from(scores.keys());
  const sure = indices.filter((i) => scores[i] >= minScore).map((i) => [scores[i], faceOf(i)]);
  const faces = merge(sure);
  if (doubtful === null) return faces;
  const rest = indices
    .filter((i) => scores[i] >= doubtful && scores[i] < minScore)
    .map((i) => [scores[i], faceOf(i)])
    .filter(([, points]) => faces.every(([, face]) => overlap(face, points) <= SAME_FACE));
  return [...faces, ...merge(rest)];
}

/**
 * Return [score, points] of each face, best score first: weighted non-maximum suppression.
 *
 * Again and again, the best box left takes those that overlap it by more than `SAME_FACE`; the face
 * has its score, and the means of their points, weighted by their scores.
 *
 * @param rows [score, points] with a score above 0.
 */
export function merge(rows) {
  const faces = [];
  let left = [...rows].sort((one, other) => other[0] - one[0]); // stable
  while (left.length) {
    const [best, points] = left[0];
    const same = left.map(([, other], i) => i === 0 || overlap(points, other) > SAME_FACE);
    faces.push([best, mean(left.filter((_, i) => same[i]))]);
    left = left.filter((_, i) => !same[i]);
  }
  return faces;
}

function mean(group) {
  const total = new Float64Array(2 * POINTS);
  let weights = 0;
  for (const [score, points] of group) {
    weights += score;
    points.forEach((value, i) => (total[i] += score * value));
  }
  return total.map((value) => value / weights);
}

/** Return the intersection over union of two boxes, x0, y0, x1, y1, ...; 0 without an area. */
export function overlap(one, other) {
  const width = Math.max(Math.min(one[2], other[2]) - Math.max(one[0], other[0]), 0);
  const height = Math.max(Math.min(one[3], other[3]) - Math.max(one[1], other[1]), 0);
  const union = area(one) + area(other) - width * height;
  return union > 0 ? (width * height) / union : 0;
}

function area([x0, y0, x1, y1]) {
  return Math.max(x1 - x0, 0) * Math.max(y1 - y0, 0);
}
