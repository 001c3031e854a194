// The golden vectors of the repository, and comparisons with them.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = path.resolve(fileURLToPath(new URL("../..", import.meta.url)));
export const ASSETS = path.join(ROOT, "android_demo_assets");
export const readJson = (file) => JSON.parse(readFileSync(file, "utf8"));

/** Every step from a picture to the mesh of its face, with tolerances. */
export const LANDMARKER = readJson(path.join(ROOT, "tests", "golden", "landmarker.json"));
/** From landmarks to intensities: `cases`, `cut_points`, `variants`. */
export const INDEX = readJson(path.join(ASSETS, "golden", "index.json"));
export const METADATA = readJson(path.join(ASSETS, "fau_metadata.json"));

const ARRAYS = { float64: Float64Array, float32: Float32Array, uint8: Uint8Array };

/** Return an array of a case of INDEX. */
export function goldenArray(row, cut) {
  const { file, dtype } = row.arrays[cut];
  const bytes = readFileSync(path.join(ASSETS, "golden", file));
  return new ARRAYS[dtype](bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

/** Return the largest difference, after checking that both sides are finite and not all zero. */
export function apart(found, expected, name = "") {
  const [one, other] = [Array.from(found).flat(9), Array.from(expected).flat(9)];
  assert.equal(one.length, other.length, `${name}: number of values`);
  assert.ok(one.every(Number.isFinite) && other.every(Number.isFinite), `${name}: finite`);
  assert.ok(other.some((value) => value !== 0), `${name}: the reference is not all zero`);
  return one.reduce((most, value, i) => Math.max(most, Math.abs(value - other[i])), 0);
}

/** Assert that no value is further from the expected one than `limit`. */
export function assertNear(found, expected, limit, name) {
  const most = apart(found, expected, name);
  assert.ok(most <= limit, `${name}: off by ${most}, more than ${limit}`);
}
