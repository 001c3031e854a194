// The landmark network: 478 mesh points of the face in a region, and the probability that there is
// one; fau_tf/face/mesh.py.

import { transform } from "./geometry.js";
import { cut, regionMatrix } from "./regions.js";

export const MESH_POINTS = 478;
export const SIDE = 256;

/** Gray level -> input of the network, in 32-bit floats. */
const TABLE = Float32Array.from({ length: 256 }, (_, v) => v / 255);

export class LandmarkNetwork {
  #network;
  #input = new Float32Array(SIDE * SIDE * 3);

  /** @param network of face_landmarks_detector.tflite; see litert.js. */
  constructor(network) {
    this.#network = network;
  }

  /** Return the face in a region, whatever its presence: {mesh, presence, region, keypoints}. */
  async at(picture, region) {
    cut(picture, region, SIDE, "replicate", TABLE, this.#input);
    const outputs = await this.#network.run(this.#input);
    return { ...read(outputs.Identity, outputs.Identity_1[0], region), keypoints: null };
  }
}

/**
 * Return the face that the network's outputs tell.
 *
 * @param points x, y, z of the points in px of the crop.
 * @param logit of the presence.
 */
export function read(points, logit, region) {
  const matrix = regionMatrix(region, SIDE);
  const mesh = new Float64Array(2 * MESH_POINTS);
  for (let i = 0; i < MESH_POINTS; i++) {
    [mesh[2 * i], mesh[2 * i + 1]] = transform(matrix, points[3 * i], points[3 * i + 1]);
  }
  return { mesh, presence: 1 / (1 + Math.exp(-logit)), region };
}
