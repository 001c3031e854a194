// Faces that are upside down or lie on their side: where the detector has to look again;
// fau_tf/face/upright.py has the reasons and the measurements.

import { LEVELS, transform } from "./geometry.js";
import { EYE_CORNERS, cut, regionMatrix } from "./regions.js";

const SURE_SCORE = 0.85; // from which a detection is not doubtful
const SURE_DISTANCE = 0.09; // up to which it isn't: between key points and mesh, in eye distances
const AROUND = 1.2; // sides of the region that the landmark network sees
const SIDE = 256; // px: twice the detector's input
const EYES_NOSE_MOUTH = [[33, 133], [362, 263], [4, 4], [13, 14]]; // mesh points around key points

/** Return whether a detection may be a face that is not upright. */
export function isDoubtful(found, mesh) {
  if (found.score < SURE_SCORE) return true;
  const at = (i) => [mesh[2 * i], mesh[2 * i + 1]];
  const [[x0, y0], [x1, y1]] = EYE_CORNERS.map(at);
  const unit = Math.hypot(x1 - x0, y1 - y0);
  let apart = 0;
  EYES_NOSE_MOUTH.forEach(([one, other], i) => {
    const [[ax, ay], [bx, by]] = [at(one), at(other)];
    apart += Math.hypot((ax + bx) / 2 - found.keypoints[2 * i], (ay + by) / 2 - found.keypoints[2 * i + 1]);
  });
  return apart / EYES_NOSE_MOUTH.length > SURE_DISTANCE * unit;
}

/**
 * Return the region of a face, turned to where the detector sees it upright.
 *
 * The same region if no other turn has a better score, or if it is less than 45 degrees away.
 */
export async function turnedRegion(detector, picture, region, score) {
  let [best, chosen] = [0, region];
  for (let quarter = 0; quarter < 4; quarter++) {
    const square = { x: region.x, y: region.y, size: AROUND * region.size, angle: (quarter * Math.PI) / 2 };
    const data = cut(picture, square, SIDE, "zero", LEVELS, new Float32Array(SIDE * SIDE * 3));
    const [found] = await detector.detect({ data, width: SIDE, height: SIDE, channels: 3 }, score);
    if (found && found.score > best) [best, chosen] = [found.score, inPicture(found.region, square)];
  }
  const apart = wrapped(chosen.angle - region.angle);
  return Math.abs(apart) > Math.PI / 4 ? chosen : region;
}

function inPicture(found, square) {
  const [x, y] = transform(regionMatrix(square, SIDE), found.x, found.y);
  return { x, y, size: (found.size * square.size) / SIDE, angle: wrapped(found.angle + square.angle) };
}

/** Return an angle from -pi to pi. */
function wrapped(angle) {
  const turn = 2 * Math.PI;
  return ((((angle + Math.PI) % turn) + turn) % turn) - Math.PI;
}
