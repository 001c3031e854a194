// The face landmarker: 478 mesh points per face; fau_tf/face/landmarker.py.
//
// In a photo the detector finds the faces (`findFaces`). In a video the last mesh of a face tells
// where it is in the next frame (`follow`), until its presence falls below the threshold.

import { FaceDetector, moved, part } from "./detector.js";
import { bounds } from "./geometry.js";
import { LandmarkNetwork } from "./landmarks.js";
import { nextRegion } from "./regions.js";
import { largest, sameAsAny, uncut, windows } from "./tiling.js";
import { isDoubtful, turnedRegion } from "./upright.js";

/** Smallest score of the detector, and of the landmark network. */
export const DETECTION_CONFIDENCE = 0.6;
export const PRESENCE_CONFIDENCE = 0.8;
const DOUBTFUL_CONFIDENCE = 0.5; // from which a detection is looked at again in quarter turns
const PHOTO_DIVISIONS = [1, 2, 3];

export class FaceLandmarker {
  #detector;
  #landmarks;
  /** Milliseconds spent since `clearTimes`: in the detector, and in the landmark network. */
  times = { detect: 0, landmarks: 0 };

  /** @param networks {detector, landmarks}; see litert.js. */
  constructor(networks) {
    this.#detector = new FaceDetector(networks.detector);
    this.#landmarks = new LandmarkNetwork(networks.landmarks);
  }

  clearTimes() {
    this.times = { detect: 0, landmarks: 0 };
  }

  /**
   * Return the faces of a picture, left to right, the `most` largest.
   *
   * A face that several windows show is the one of the first window that has all of it.
   *
   * @param parts windows to look at; all of a photo by default.
   * @param known faces that are left out.
   */
  async findFaces(picture, most, parts = null, known = []) {
    const { width, height } = picture;
    const boxes = known.map((face) => bounds(face.mesh));
    const found = [];
    for (const window of parts ?? windows(width, height, PHOTO_DIVISIONS)) {
      for (const detection of await this.#detect(picture, window)) {
        const face = await this.#newFace(picture, detection, boxes);
        if (face && uncut(face.mesh, window, width, height)) {
          found.push(face);
          boxes.push(bounds(face.mesh));
        }
      }
    }
    return largest(found, most);
  }

  /** Return the faces of the next frame that were there before, left to right. */
  async follow(picture, faces, most) {
    const found = [];
    for (const { mesh } of faces) {
      const face = await this.#at(picture, nextRegion(mesh));
      if (face.presence > PRESENCE_CONFIDENCE) found.push(face);
    }
    return largest(found, most);
  }

  async #detect(picture, window) {
    const start = performance.now();
    const found = await this.#detector.detect(part(picture, window), DETECTION_CONFIDENCE, DOUBTFUL_CONFIDENCE);
    this.times.detect += performance.now() - start;
    return found.map((one) => moved(one, window[0], window[1]));
  }

  /** Return the face of a detection, unless it is none or one of those that we have. */
  async #newFace(picture, found, boxes) {
    if (sameAsAny(found.box, boxes)) return null;
    const face = await this.#face(picture, found);
    if (!face || face.presence <= PRESENCE_CONFIDENCE) return null;
    return sameAsAny(bounds(face.mesh), boxes) ? null : face;
  }

  /** Return the face of a detection, whichever side is up; null if the detector is unsure. */
  async #face(picture, found) {
    const face = await this.#at(picture, found.region);
    if (isDoubtful(found, face.mesh)) {
      const start = performance.now();
      const region = await turnedRegion(this.#detector, picture, found.region, DETECTION_CONFIDENCE);
      this.times.detect += performance.now() - start;
      if (region !== found.region) return this.#at(picture, region);
    }
    return found.score >= DETECTION_CONFIDENCE ? { ...face, keypoints: found.keypoints } : null;
  }

  async #at(picture, region) {
    const start = performance.now();
    const face = await this.#landmarks.at(picture, region);
    this.times.landmarks += performance.now() - start;
    return face;
  }
}
