// The steps that need no network, in plain Node, against the golden vectors of the repository.
import assert from "node:assert/strict";
import path from "node:path";
import test from "node:test";
import { crop, cropMatrix } from "../src/engine/face/crop.js";
import { ANCHORS, SIDE, decode, merge } from "../src/engine/face/detector.js";
import { LEVELS, bounds, invert, transform, transformAll } from "../src/engine/face/geometry.js";
import { cut, letterbox, nextRegion, regionMatrix, regionOfBox, roundHalfEven } from "../src/engine/face/regions.js";
import { largest, windows } from "../src/engine/face/tiling.js";
import { OverlapTracker } from "../src/engine/face/tracking.js";
import { smaller } from "../src/engine/quality/occlusion.js";
import { ASSETS, INDEX, LANDMARKER, METADATA, ROOT, assertNear, goldenArray } from "./golden.mjs";
import { readPng } from "./png.mjs";

const limit = (step) => LANDMARKER.tolerances[step].tolerance;
const keptRows = (pixels, side) =>
  LANDMARKER.kept_rows.map((row) => {
    const at = Math.floor(row * side) * side * 3;
    return Array.from(pixels.subarray(at, at + side * 3));
  });

for (const [name, golden] of Object.entries(LANDMARKER.pictures)) {
  const picture = readPng(path.join(ROOT, name));
  const square = letterbox(picture.width, picture.height);

  test(`${name}: the detector's input`, () => {
    const pixels = cut(picture, square, SIDE, "zero", LEVELS, new Float32Array(SIDE * SIDE * 3));
    assertNear(keptRows(pixels, SIDE), golden.detector_input, limit("detector_input"), "detector_input");
  });

  test(`${name}: box, key points and region from the scored boxes`, () => {
    const rows = golden.scores.map((score, i) => [score, golden.boxes[i].flat()]).filter(([score]) => score >= 0.6);
    const [[, face]] = merge(rows);
    const points = transformAll(regionMatrix(square, SIDE), face);
    assertNear(points, [golden.low, golden.high, golden.keypoints].flat(2), limit("keypoints"), "keypoints");
    const [x0, y0, x1, y1, ...keypoints] = points;
    const { x, y, size, angle } = regionOfBox({ x0, y0, x1, y1 }, keypoints);
    assertNear([x, y, size, angle], golden.region, limit("region"), "region");
  });

  test(`${name}: the landmark network's input`, () => {
    const [x, y, size, angle] = golden.region;
    const pixels = cut(picture, { x, y, size, angle }, 256, "replicate", LEVELS, new Float32Array(256 * 256 * 3));
    assertNear(keptRows(pixels, 256), golden.landmark_input, limit("landmark_input"), "landmark_input");
  });

  test(`${name}: the region in the next frame`, () => {
    const { x, y, size, angle } = nextRegion(golden.mesh.flat());
    assertNear([x, y, size, angle], golden.next_region, limit("next_region"), "next_region");
  });
}

for (const row of INDEX.cases) {
  test(`${row.name}: matrix and crop`, () => {
    const rules = METADATA.crop;
    const matrix = cropMatrix(rules, goldenArray(row, "landmarks"));
    assertNear(matrix, goldenArray(row, "matrix"), INDEX.cut_points.matrix.tolerance, "matrix");
    const picture = readPng(path.join(ASSETS, "golden", row.picture));
    const pixels = crop(picture, matrix, rules.size, rules.shrink.while_px_per_crop_px_above);
    const golden = goldenArray(row, "crop");
    assertNear(pixels, golden, INDEX.cut_points.crop.tolerance, "crop");
    // A pixel or two may be exactly half-way; another rule would affect far more.
    const off = pixels.filter((value, i) => value !== golden[i]).length;
    assert.ok(off < 1e-4 * pixels.length, `${off} values differ`);
  });
}

test("a crop repeats the borders, and zeros lie around a letterbox", () => {
  const picture = { data: Uint8ClampedArray.from([10, 20, 30, 255, 50, 60, 70, 255]), width: 2, height: 1 };
  const pixels = crop(picture, [1, 0, 0, 0, 1, 0], 3, 2);
  assert.deepEqual(Array.from(pixels.slice(0, 9)), [10, 20, 30, 50, 60, 70, 50, 60, 70]);
  assert.deepEqual(Array.from(pixels.slice(18)), [10, 20, 30, 50, 60, 70, 50, 60, 70]);
  const black = cut(picture, letterbox(2, 1), 8, "zero", LEVELS, new Float32Array(192));
  assert.deepEqual(Array.from(black.slice(0, 3)), [5, 10, 15]); // half-way to the corner
  assert.deepEqual(Array.from(black.slice(-3)), [0, 0, 0]);
});

test("the occlusion network sees means over areas, whatever the crop's side", () => {
  for (const [size, times] of [[64, 1], [96, 2], [128, 1], [160, 2]]) {
    const pixels = Uint8Array.from({ length: size * size * 3 }, (_, i) => (i * i * 7 + i * 13) % 251);
    const found = smaller(pixels, size);
    const block = (size * times) / 64; // each pixel repeated: whole pixels make up each area
    for (let i = 0; i < found.length; i++) {
      const [k, column, row] = [i % 3, Math.floor(i / 3) % 64, Math.floor(i / 192)];
      let sum = 0;
      for (let y = row * block; y < (row + 1) * block; y++) {
        for (let x = column * block; x < (column + 1) * block; x++) {
          sum += pixels[3 * (Math.floor(y / times) * size + Math.floor(x / times)) + k];
        }
      }
      assert.equal(found[i], Math.floor(sum / block ** 2 + 0.5), `value ${i} of ${size} px`);
    }
  }
  assert.throws(() => smaller(new Uint8Array(48 * 48 * 3), 48), /at least 64, not 48/);
});

test("a matrix and its inverse undo each other", () => {
  const matrix = [0.7, -0.2, 11, 0.2, 0.7, -3];
  const [x, y] = transform(invert(matrix), ...transform(matrix, 5, 8));
  assert.ok(Math.hypot(x - 5, y - 8) < 1e-12);
});

test("anchors are the centers of the cells, two and six each, row by row", () => {
  assert.equal(ANCHORS.length, 2 * 896);
  assert.deepEqual(Array.from(ANCHORS.slice(0, 6)), [4, 4, 4, 4, 12, 4]);
  assert.deepEqual(Array.from(ANCHORS.slice(1024, 1038)), [8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 24, 8]);
});

test("a decoded box is centered at its anchor plus the offset", () => {
  const regressors = new Float32Array(896 * 16);
  regressors.set([1, 2, 10, 20, 3, 4]);
  const { scores, points } = decode(new Float32Array(896), regressors);
  assert.deepEqual(Array.from(points.slice(0, 6)), [0, -4, 10, 16, 7, 8]);
  assert.equal(scores[0], 0.5);
  const { scores: extreme } = decode(new Float32Array(896).fill(-1e9), regressors);
  assert.ok(extreme.every((score) => score >= 0 && Number.isFinite(score)));
});

test("boxes of one face are averaged by their scores, others stay", () => {
  const box = (x, y) => Float64Array.from({ length: 16 }, (_, i) => (i % 2 ? y : x) + (i > 1 && i < 4 ? 10 : 0));
  const faces = merge([[0.6, box(2, 0)], [0.9, box(0, 0)], [0.7, box(50, 50)]]);
  assert.deepEqual(faces.map(([score]) => score), [0.9, 0.7]);
  assert.ok(Math.abs(faces[0][1][0] - (0.6 * 2) / 1.5) < 1e-12);
  assert.equal(faces[1][1][0], 50);
});

test("tiles are those of the definition", () => {
  assert.deepEqual(windows(400, 300, [1]), [[0, 0, 400, 300]]);
  assert.equal(windows(400, 300, [1, 2, 3]).length, 1 + 9 + 25);
  assert.equal(windows(150, 150, [1, 2]).length, 1); // halves of 75 px are too small
  assert.deepEqual(windows(401, 301, [2])[4], [100, 75, 301, 226]);
});

test("the largest faces are kept, left to right, each once", () => {
  const square = (x, size) => ({ mesh: [x, 0, x + size, size] });
  const faces = [square(300, 30), square(0, 20), square(100, 50), square(102, 49)];
  assert.deepEqual(largest(faces, 2).map(({ mesh }) => mesh[0]), [100, 300]);
});

test("halves are rounded to even numbers, as Python does", () => {
  assert.deepEqual([0.5, 1.5, 2.5, -0.5, -1.5, 2.4, 2.6].map((value) => roundHalfEven(value) + 0), [0, 2, 2, 0, -2, 2, 3]);
});

test("ids follow the boxes and are never given twice", () => {
  const tracker = new OverlapTracker();
  const at = (x) => bounds([x, 0, x + 10, 10]);
  assert.deepEqual(tracker.update([at(0), at(50)]), [0, 1]);
  assert.deepEqual(tracker.update([at(52), at(3)]), [1, 0]);
  assert.deepEqual(tracker.update([at(3)]), [0]);
  assert.deepEqual(tracker.update([at(3), at(52)]), [0, 2]);
});
