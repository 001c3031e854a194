// Quality of a found face: whether its AUs are read, and warning flags; fau_tf/inference/quality.py.
// The limits come from there by models/reader.json.

import { crop as alignedCrop } from "../face/crop.js";
import { transform } from "../face/geometry.js";
import { headPose } from "../face/head_pose.js";
import { occlusion } from "./occlusion.js";
import { pictureQuality } from "./picture_quality.js";

const OUTER_EYE_CORNERS = [36, 45]; // iBUG landmarks
const FACE_SIZE = [16, 128]; // px of the crop that the picture is measured on

/**
 * Return measure -> value of a face before its AUs are read; NaN is not measured.
 *
 * @param picture RGBA.
 * @param face {mesh, presence} of the landmarker.
 * @param view {landmarks, matrix, crop}: 68 iBUG landmarks, the crop and the matrix to it.
 * @param contract {metadata, reader, weights}: weights of the occlusion network.
 */
export function measure(picture, face, view, { metadata, reader, weights }) {
  const rules = metadata.crop;
  const { landmarks, matrix, crop } = view;
  const [right, left] = OUTER_EYE_CORNERS.map((i) => [landmarks[2 * i], landmarks[2 * i + 1]]);
  const eyes = Math.hypot(left[0] - right[0], left[1] - right[1]);
  const templateEyes = templateEyeDistance(rules);
  const pose = headPose(face.mesh, reader.quality.rigid_points);
  const seen = occlusion(crop, rules.size, weights);
  return {
    turn: Math.abs(pose.yaw),
    nod: Math.abs(pose.pitch),
    ...pose,
    face: seen.face,
    presence_logit: logit(face.presence),
    ...pictureOf(picture, matrix, crop, rules, eyes / templateEyes),
    eye_distance_px: eyes,
    eyes_covered: seen.eyes,
    mouth_covered: seen.mouth,
    alignment: misfit(rules, landmarks, matrix) / templateEyes,
    peakedness: NaN,
  };
}

/**
 * Return {reason, flags, score} of measures.
 *
 * Each measure allows a share between 0 and 1, linear between its limits. A share below `flag_below`
 * raises its flag; at 0 its reason, if it has one, keeps the AUs from being read.
 *
 * @param quality `quality` of reader.json.
 * @returns reason null if the AUs are read; flags with the smallest shares first.
 */
export function verdict(measures, quality) {
  const rows = quality.limits.map((limits) => ({ ...limits, share: shareOf(measures[limits.measure], limits) }));
  const refused = rows.find(({ share, reason }) => share === 0 && reason);
  const low = rows.filter(({ share }) => share < quality.flag_below);
  low.sort((one, other) => one.share - other.share || (one.measure < other.measure ? -1 : 1));
  return {
    reason: refused ? refused.reason : null,
    flags: [...new Set(low.map(({ flag }) => flag))],
    score: Math.min(...rows.map(({ share }) => share)),
  };
}

function shareOf(value, { none, full }) {
  if (Number.isNaN(value)) return 1;
  return Math.min(Math.max((value - none) / (full - none), 0), 1);
}

function templateEyeDistance({ anchors_ibug68: anchors, template }) {
  const [right, left] = OUTER_EYE_CORNERS.map((corner) => template[anchors.indexOf(corner)]);
  return left[0] - right[0];
}

/** Return the rms residual of the similarity fit, in fractions of the crop. */
function misfit({ anchors_ibug68: anchors, template, size }, landmarks, matrix) {
  let sum = 0;
  anchors.forEach((anchor, i) => {
    const [x, y] = transform(matrix, landmarks[2 * anchor], landmarks[2 * anchor + 1]);
    sum += ((x + 0.5) / size - template[i][0]) ** 2 + ((y + 0.5) / size - template[i][1]) ** 2;
  });
  return Math.sqrt(sum / anchors.length);
}

function pictureOf(picture, matrix, crop, rules, faceSide) {
  // A small face is measured at its own size: enlarging would make it look blurred.
  const size = Math.floor(Math.min(Math.max(faceSide, FACE_SIZE[0]), FACE_SIZE[1]));
  if (size === rules.size) return pictureQuality(crop, size);
  const scale = size / rules.size;
  // Pixel centers are on integers: the corner of the crop is at -0.5.
  const scaled = matrix.map((value, i) => (i % 3 === 2 ? (value + 0.5) * scale - 0.5 : value * scale));
  const own = alignedCrop(picture, scaled, size, rules.shrink.while_px_per_crop_px_above);
  return pictureQuality(own, size);
}

/** Return the logit, at most 30. */
function logit(probability) {
  if (Number.isNaN(probability)) return NaN;
  const inside = Math.min(Math.max(probability, 1e-13), 1 - 1e-13);
  return Math.log(inside / (1 - inside));
}
