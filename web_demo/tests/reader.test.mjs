// The reader in chromium, on wasm: every step and every intensity is Python's.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import path from "node:path";
import test, { after, before } from "node:test";
import { open } from "./browser.mjs";
import { ASSETS, INDEX, LANDMARKER, METADATA, ROOT, apart, assertNear, goldenArray } from "./golden.mjs";

const PYTHON = process.env.PYTHON ?? path.join(ROOT, ".venv", "bin", "python");
const PICTURES = ["docs/sample/astronaut.png", ...INDEX.cases.map(({ picture }) => `android_demo_assets/golden/${picture}`)];
const INTENSITY = 1e-3; // 32-bit sums in another order, and near-ties of neighbors
const MESH = 0.05; // px, as in the golden vectors

let browser;
let page;

before(async () => {
  browser = await open();
  page = await browser.page();
});

after(async () => {
  await browser.close();
});

const run = (name, ...values) =>
  page.evaluate(async ([name, values]) => (await import("/tests/in_page.js"))[name](...values), [name, values]);

/** What Python reads by the definitions of the crops. */
function pythonFaces(variant) {
  const found = execFileSync(PYTHON, [path.join(ROOT, "web_demo", "tests", "python_faces.py"), variant, ...PICTURES], {
    maxBuffer: 1e8,
    env: { ...process.env, OMP_NUM_THREADS: "1", OPENBLAS_NUM_THREADS: "1" },
  });
  return JSON.parse(found);
}

test("loading tells its progress, the AUs, and what runs", async () => {
  const { info, progress } = await run("load", { accelerator: "wasm" });
  assert.deepEqual(info.aus.map(({ label }) => label), METADATA.aus.map(({ label }) => label));
  assert.deepEqual(
    info.aus.filter(({ lowReliability }) => lowReliability).map(({ label }) => label),
    METADATA.aus.filter((au) => au.low_reliability).map(({ label }) => label),
  );
  assert.equal(info.accelerator, "wasm");
  assert.ok(info.whyNot);
  assert.equal(`${info.modelName}.tflite`, METADATA.variants.float16.file);
  assert.ok(progress.length > 10);
  assert.equal(progress.at(-1).loaded, progress.at(-1).total);
  assert.ok(progress.every(({ loaded }, i) => i === 0 || loaded >= progress[i - 1].loaded));
});

test("faces, landmarks, quality and intensities are those of Python", async (t) => {
  const expected = pythonFaces("float16");
  for (const name of PICTURES) {
    await t.test(name, async () => {
      const { faces, width, height } = await run("read", `/root/${name}`, { heatmaps: true });
      assert.ok(expected[name].length >= 1 && width > 0 && height > 0);
      assert.equal(faces.length, expected[name].length);
      faces.forEach((face, i) => compare(face, expected[name][i]));
    });
  }
});

function compare(face, python) {
  assertNear(face.landmarks, python.landmarks, MESH, "landmarks");
  assertNear([face.confidence], [python.confidence], 1e-3, "confidence");
  const { x, y, width, height } = face.box;
  assertNear([x, y, x + width, y + height], python.box, MESH, "box");
  assert.equal(face.reason, python.reason);
  assert.deepEqual(face.flags, python.flags);
  assertNear([face.score], [python.score], 0.01, "score");
  for (const angle of ["yaw", "pitch", "roll"]) {
    assert.ok(Math.abs(face.pose[angle] - python.measures[angle]) < 0.05, `${angle}: ${face.pose[angle]}`);
  }
  if (python.reason) {
    assert.ok(face.intensity.every((value) => value === null));
    assert.equal(face.interval, null);
    return;
  }
  // The crop is half a level different where the mesh is a hundredth of a px different.
  assertNear(face.crop.matrix, python.matrix, 0.05, "matrix");
  assertNear(face.intensity, python.intensity, 0.15, "intensity");
  assert.ok(face.interval.every(([low, high], a) => low <= face.intensity[a] && face.intensity[a] <= high));
}

test("nothing else was asked for, and nothing failed", () => {
  assert.deepEqual(browser.foreign, []);
  assert.deepEqual(browser.errors, []);
});
