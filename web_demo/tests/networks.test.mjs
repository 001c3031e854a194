// The networks in chromium against the golden vectors: on wasm, and on WebGPU by a software adapter.
import assert from "node:assert/strict";
import test from "node:test";
import { open } from "./browser.mjs";
import { INDEX, LANDMARKER, METADATA, apart, assertNear, goldenArray } from "./golden.mjs";

const limit = (step) => LANDMARKER.tolerances[step].tolerance;
const GPU_STEPS = 1; // pictures: a software adapter takes seconds for each

const browsers = { wasm: await open(), webgpu: await open({ webgpu: true }) };
const pages = { wasm: await browsers.wasm.page(), webgpu: await browsers.webgpu.page() };
test.after(() => Promise.all(Object.values(browsers).map((browser) => browser.close())));

const run = (accelerator, name, ...values) =>
  pages[accelerator].evaluate(async ([name, values]) => (await import("/tests/networks_in_page.js"))[name](...values), [name, values]);

/** Why this machine can't run WebGPU, or false. */
async function noGpu() {
  const adapter = await pages.webgpu.evaluate(async () => {
    const found = await navigator.gpu?.requestAdapter();
    return found ? found.info.description || found.info.architecture || "an adapter" : null;
  });
  return adapter ? false : "chromium finds no WebGPU adapter here, not even a software one";
}

const skipGpu = await noGpu();

for (const accelerator of ["wasm", "webgpu"]) {
  const skip = accelerator === "webgpu" && skipGpu;
  const pictures = Object.entries(LANDMARKER.pictures).slice(0, accelerator === "webgpu" ? GPU_STEPS : undefined);

  for (const [name, golden] of pictures) {
    test(`${accelerator}: detector and landmarks of ${name}`, { skip }, async () => {
      const found = await run(accelerator, "steps", `/project/${name}`, LANDMARKER.kept_score, golden.region, accelerator);
      assert.deepEqual(found.anchors, golden.anchors);
      assertNear(found.scores, golden.scores, limit("scores"), "scores");
      assertNear(found.boxes, golden.boxes, limit("boxes"), "boxes");
      assertNear([found.presence], [golden.presence], limit("presence"), "presence");
      assertNear(found.mesh, golden.mesh, limit("mesh"), "mesh");
    });
  }

  for (const [variant, { file, accelerators, cut_points: cuts }] of Object.entries(INDEX.variants)) {
    if (accelerator === "webgpu" && !accelerators.includes("gpu")) continue;
    test(`${accelerator}: intensities and heatmaps of ${variant}`, { skip }, async (t) => {
      const inputs = INDEX.cases.map((row) => `/project/android_demo_assets/golden/${row.arrays.input.file}`);
      const found = await run(accelerator, "readInputs", file, accelerator, inputs);
      let most = 0;
      INDEX.cases.forEach((row, i) => {
        for (const cut of ["intensity", "heatmaps"]) {
          const golden = goldenArray(row, `${cut}.${variant}`);
          // WebGPU computes in 32-bit floats here, so the CPU's tolerance applies.
          assertNear(found[i][cut], golden, cuts[cut].tolerance, `${row.name}: ${cut}`);
          if (cut === "intensity") most = Math.max(most, apart(found[i][cut], golden));
        }
      });
      t.diagnostic(`largest difference of an intensity: ${most.toPrecision(2)}`);
    });
  }
}

test("a software adapter is not chosen by itself, and the reader tells why", { skip: skipGpu }, async () => {
  const { info } = await pages.webgpu.evaluate(async () => (await import("/tests/in_page.js")).load({ variant: "float16" }));
  assert.equal(info.accelerator, "wasm");
  assert.match(info.whyNot, /software/);
});

test("every variant of the contract was compared", () => {
  assert.deepEqual(Object.keys(INDEX.variants), Object.keys(METADATA.variants));
});

test("nothing else was asked for, and nothing failed", () => {
  for (const { foreign, errors } of Object.values(browsers)) {
    assert.deepEqual(foreign, []);
    assert.deepEqual(errors, []);
  }
});
