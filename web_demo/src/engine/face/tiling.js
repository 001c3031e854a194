// Overlapping tiles of a picture for face detection, and the removal of duplicate detections;
// fau_tf/face/tiling.py. The detector misses faces narrower than about an eighth of its picture.

import { bounds } from "./geometry.js";

const MIN_TILE = 96; // px; tiles with a shorter side have faces too small to read

/** Return the tiles [x0, y0, x1, y1]: for each division d, of 1/d of both sides, overlapping by half. */
export function windows(width, height, divisions) {
  const tiles = [];
  for (const division of divisions) {
    const [tall, wide] = [Math.ceil(height / division), Math.ceil(width / division)];
    if (division > 1 && Math.min(tall, wide) < MIN_TILE) continue;
    const steps = 2 * division - 1;
    for (const y of starts(height - tall, steps)) {
      for (const x of starts(width - wide, steps)) tiles.push([x, y, x + wide, y + tall]);
    }
  }
  return tiles;
}

function starts(end, steps) {
  if (steps === 1) return [0];
  // As NumPy's linspace has them: i times the step, and the end itself.
  return Array.from({ length: steps }, (_, i) => (i === steps - 1 ? end : Math.floor(i * (end / (steps - 1)))));
}

/** Return whether a face lies inside its window, on every side where the picture continues. */
export function uncut(mesh, [x0, y0, x1, y1], width, height) {
  const box = bounds(mesh);
  return (
    (x0 === 0 || box.x0 > x0) && (y0 === 0 || box.y0 > y0) &&
    (x1 === width || box.x1 < x1 - 1) && (y1 === height || box.y1 < y1 - 1)
  );
}

/** Return the `most` largest of the distinct faces, left to right. */
export function largest(faces, most) {
  const rows = faces.map((face) => ({ face, box: bounds(face.mesh) }));
  const area = ({ box }) => (box.x1 - box.x0) * (box.y1 - box.y0);
  const chosen = [];
  for (const row of rows.sort((one, other) => area(other) - area(one))) {
    if (!sameAsAny(row.box, chosen.map(({ box }) => box))) chosen.push(row);
  }
  const kept = chosen.slice(0, most).map(({ face }) => face);
  return kept.sort((one, other) => meanX(one.mesh) - meanX(other.mesh));
}

function meanX(mesh) {
  let total = 0;
  for (let i = 0; i < mesh.length; i += 2) total += mesh[i];
  return total;
}

/** Return whether the center of a box lies in the middle half of another, or the other way round. */
export function sameAsAny(box, others) {
  return others.some((other) => same(box, other));
}

function same(one, other) {
  return [["x0", "x1"], ["y0", "y1"]].every(([low, high]) => {
    const apart = Math.abs((one[low] + one[high]) / 2 - (other[low] + other[high]) / 2);
    return apart < Math.max(one[high] - one[low], other[high] - other[low]) / 4;
  });
}
