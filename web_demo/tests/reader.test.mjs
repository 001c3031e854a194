// The reader in chromium, on wasm: every step and every intensity is Python's.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { after, before } from "node:test";
import { open } from "./browser.mjs";
import { INDEX, METADATA, ROOT, assertNear } from "./golden.mjs";

const PYTHON = process.env.PYTHON ?? path.join(ROOT, ".venv", "bin", "python");
const MADE = mkdtempSync(path.join(tmpdir(), "fau-web-")); // pictures that Python makes
const PICTURES = ["docs/sample/astronaut.png", ...INDEX.cases.map(({ picture }) => `android_demo_assets/golden/${picture}`)];
// 5e-7 was measured: 32-bit sums in another order. Near-ties among neighbors may change more.
const INTENSITY = 1e-3;
const MESH = 0.05; // px, as in the golden vectors; 2e-5 was measured

let browser;
let page;

before(async () => {
  browser = await open({ folders: { "/made/": MADE } });
  page = await browser.page();
});

after(async () => {
  await browser.close();
  rmSync(MADE, { recursive: true });
});

const run = (name, ...values) =>
  page.evaluate(async ([name, values]) => (await import("/tests/in_page.js"))[name](...values), [name, values]);

/** What Python reads by the definitions of the crops. */
function pythonFaces(variant) {
  const found = execFileSync(PYTHON, [path.join(ROOT, "web_demo", "tests", "python_faces.py"), variant, MADE, ...PICTURES], {
    maxBuffer: 1e8,
    env: { ...process.env, OMP_NUM_THREADS: "1", OPENBLAS_NUM_THREADS: "1" },
  });
  return JSON.parse(found);
}

test("loading tells its progress, the AUs, and what runs", async () => {
  const { info, progress } = await run("load", { accelerator: "wasm" });
  assert.deepEqual(info.aus.map(({ label }) => label), METADATA.aus.map(({ label }) => label));
  assert.deepEqual(info.aus.filter(({ sided }) => !sided).map(({ label }) => label), ["AU04", "AU09", "AU17", "AU25"]);
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
  const python = pythonFaces("float16");
  const reasons = new Set();
  for (const [name, { found, followed }] of Object.entries(python)) {
    await t.test(name, async () => {
      const url = PICTURES.includes(name) ? `/project/${name}` : `/made/${name}`;
      const { faces, width, height, milliseconds } = await run("read", url, { heatmaps: true });
      assert.ok(width > 0 && height > 0 && milliseconds.detect > 0);
      assert.equal(faces.length, found.length);
      faces.forEach((face, i) => compare(face, found[i]));
      if (PICTURES.includes(name)) assert.ok(found.length >= 1);
      found.forEach(({ reason, flags }) => [reason, ...flags].forEach((word) => reasons.add(word)));

      const frames = await run("readFrames", url, followed.length);
      frames.forEach(({ faces }, i) => {
        assert.deepEqual(faces.map(({ id }) => id), followed[i].map((_, face) => face));
        faces.forEach((face, k) => assertNear(face.landmarks, followed[i][k], MESH, `frame ${i}`));
      });
    });
  }
  t.diagnostic(`reasons and flags: ${[...reasons].filter(Boolean).join(", ")}`);
  assert.ok(reasons.size > 8, "the pictures have various faults");
});

test("computed on the page, the readings are the same", async () => {
  const name = `/project/${PICTURES[0]}`;
  const { faces: inWorker } = await run("read", name);
  await run("load", { accelerator: "wasm", inPage: true });
  const { faces: inPage } = await run("read", name);
  assert.deepEqual(inPage, inWorker);
});

test("the smaller variant reads the golden inputs as Python does", async () => {
  const { info } = await run("load", { accelerator: "wasm", variant: "int8" });
  assert.match(info.variant, /int8/);
  const { faces } = await run("read", `/project/${PICTURES[0]}`);
  const python = pythonFaces(info.variant)[PICTURES[0]].found;
  // XNNPACK's int8 kernels give the same bits on x86, ARM and in wasm.
  assertNear(faces[0].intensity, python[0].intensity, 0.05, "intensity");
});

function compare(face, python) {
  assertNear(face.landmarks, python.landmarks, MESH, "landmarks");
  assertNear([face.confidence], [python.confidence], 1e-3, "confidence");
  const { x, y, width, height } = face.box;
  assertNear([x, y, x + width, y + height], python.box, MESH, "box");
  assert.equal(face.reason, python.reason);
  assert.deepEqual(face.flags, python.flags);
  assert.ok(Math.abs(face.score - python.score) < 1e-3, `score: ${face.score}, not ${python.score}`);
  for (const angle of ["yaw", "pitch", "roll"]) {
    assert.ok(Math.abs(face.pose[angle] - python.measures[angle]) < 0.05, `${angle}: ${face.pose[angle]}`);
  }
  if (python.reason) {
    assert.ok(face.intensity.every((value) => value === null));
    assert.equal(face.interval, null);
    return;
  }
  assertNear(face.crop.matrix, python.matrix, 1e-6, "matrix");
  assertNear(face.intensity, python.intensity, INTENSITY, "intensity");
  assertNear(face.interval, python.interval, INTENSITY, "interval");
  // Python's sides are those of the face, (left, right): the face's left is on the picture's right.
  [face.right, face.left].forEach((found, side) => {
    const expected = METADATA.aus.map(({ label }) => python.sides[label]?.[side] ?? null);
    assert.deepEqual(found.map((value) => value === null), expected.map((value) => value === null));
    assertNear(found.map(Number), expected.map(Number), INTENSITY, ["left", "right"][side]);
  });
  const { size, channels, data, auOf } = face.heatmaps;
  assert.equal(data.length, size * size * channels);
  assert.deepEqual(auOf, METADATA.aus.flatMap(({ centers }, a) => centers.map(() => a)));
  assert.ok(face.interval.every(([low, high], a) => low <= face.intensity[a] && face.intensity[a] <= high));
}

test("nothing else was asked for, and nothing failed", () => {
  assert.deepEqual(browser.foreign, []);
  assert.deepEqual(browser.errors, []);
});
