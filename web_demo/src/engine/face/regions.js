// Square parts of a picture, as the detector and the landmark network see them; the definition is
// fau_tf/face/regions.py. A region is {x, y, size, angle}: center and side in px, and the angle from
// the picture's x axis to the square's, in radians, clockwise as seen.

import { bounds, sample } from "./geometry.js";

const MARGIN = 1.5; // side of a region, in longer sides of the box around the face
const STEPS = 64; // grid of nextRegion, for a region's size and for a radian

/** Outer eye corners of the mesh, on the picture's left and right: they turn the next region. */
export const EYE_CORNERS = [33, 263];

/** Return the similarity from the px of a crop of `side` px to picture px. */
export function regionMatrix({ x, y, size, angle }, side) {
  const scale = size / side;
  const [cosine, sine] = [scale * Math.cos(angle), scale * Math.sin(angle)];
  const half = side / 2;
  return [
    cosine, -sine, x - (cosine * half - sine * half),
    sine, cosine, y - (sine * half + cosine * half),
  ];
}

/** Return the smallest centered square region that has all of a picture in it. */
export function letterbox(width, height) {
  return { x: width / 2, y: height / 2, size: Math.max(width, height), angle: 0 };
}

/**
 * Return the region of a face.
 *
 * @param box {x0, y0, x1, y1} around the face, px.
 * @param eyes [x, y, x, y] of points on the picture's left and right that are level in an upright face.
 */
export function regionOfBox({ x0, y0, x1, y1 }, eyes) {
  return {
    x: (x0 + x1) / 2,
    y: (y0 + y1) / 2,
    size: MARGIN * Math.max(x1 - x0, y1 - y0),
    angle: Math.atan2(eyes[3] - eyes[1], eyes[2] - eyes[0]),
  };
}

/**
 * Return where the next frame of a video has a face: around its mesh in this one.
 *
 * Snapped to a grid, so that two runs over a video that began at different frames soon see the very
 * same region, and from then on the same face.
 */
export function nextRegion(mesh) {
  const eyes = EYE_CORNERS.flatMap((i) => [mesh[2 * i], mesh[2 * i + 1]]);
  const exact = regionOfBox(bounds(mesh), eyes);
  if (!(exact.size > 0)) return exact; // all points in one place
  const size = 2 ** ((roundHalfEven((Math.log2(exact.size) * STEPS) / 2) * 2) / STEPS);
  const [x, y] = [exact.x, exact.y].map((at) => (roundHalfEven((at / size) * STEPS) * size) / STEPS);
  return { x, y, size, angle: roundHalfEven(exact.angle * STEPS) / STEPS };
}

/** Round as Python does: a half goes to the even number. */
export function roundHalfEven(value) {
  const low = Math.floor(value);
  if (value - low !== 0.5) return Math.round(value);
  return low % 2 === 0 ? low : low + 1;
}

/**
 * Return the (side, side, 3) crop of a region; see `sample` for `table` and `out`.
 *
 * @param border what lies around the picture: "replicate" repeats its border, "zero" is black.
 */
export function cut(picture, region, side, border, table, out) {
  return sample(picture, regionMatrix(region, side), side, table, out, border === "zero");
}
