// Which accelerator runs the networks: wasm always can; WebGPU only where it is right and faster.

import { compile } from "./litert.js";

export const ACCELERATORS = ["auto", "wasm", "webgpu"];
const RUNS = 5; // of which the median counts
const TOLERANCE = 1e-3; // of the largest value of an output, in 32-bit floats
const PEAK = { aus: 255 }; // largest value of an input; the AU model divides by 255 itself

/**
 * Return {networks, accelerator, whyNot} for name -> bytes of .tflite files.
 *
 * WebGPU takes all networks or none. "auto" takes it where a hardware adapter gives the numbers of
 * wasm in less time; "webgpu" takes it where the numbers are those of wasm, whatever the time.
 *
 * @param wanted one of ACCELERATORS.
 * @param allowed whether the AU model is made for a GPU: `accelerators` of its variant.
 */
export async function compileAll(litert, files, wanted, allowed) {
  if (!ACCELERATORS.includes(wanted)) {
    throw new Error(`accelerator must be one of ${ACCELERATORS.join(", ")}, not ${JSON.stringify(wanted)}.`);
  }
  const wasm = await each(files, (bytes) => compile(litert, bytes, "wasm"));
  const onWasm = (whyNot) => ({ networks: wasm, accelerator: "wasm", whyNot });
  if (wanted === "wasm") return onWasm("wasm was asked for");
  const obstacle = allowed ? await adapterObstacle(wanted) : "this variant of the model is made for the CPU";
  if (obstacle) return onWasm(obstacle);
  const gpu = {};
  try {
    for (const [name, bytes] of Object.entries(files)) gpu[name] = await compile(litert, bytes, "webgpu");
    const reason = await compared(wasm, gpu, wanted === "auto");
    if (!reason) {
      closeAll(wasm);
      return { networks: gpu, accelerator: "webgpu", whyNot: null };
    }
    closeAll(gpu);
    return onWasm(reason);
  } catch (error) {
    closeAll(gpu);
    return onWasm(`WebGPU failed: ${error.message}`);
  }
}

/** Return why there is no usable adapter, or null. */
async function adapterObstacle(wanted) {
  if (!globalThis.navigator?.gpu) return "this browser has no WebGPU, or the page is not served by https";
  let adapter = null;
  try {
    adapter = await navigator.gpu.requestAdapter();
  } catch (error) {
    return `WebGPU failed: ${error.message}`;
  }
  if (!adapter) return "WebGPU finds no graphics adapter";
  return wanted === "auto" && isSoftware(adapter) ? "the graphics adapter is software, slower than wasm" : null;
}

function isSoftware({ info = {} }) {
  const words = [info.vendor, info.architecture, info.device, info.description].join(" ");
  return Boolean(info.isFallbackAdapter) || /swiftshader|llvmpipe|basic render/i.test(words);
}

/** Return why the GPU's networks are not to be used, or null. */
async function compared(wasm, gpu, mustBeFaster) {
  const spent = { wasm: 0, gpu: 0 };
  for (const name of Object.keys(wasm)) {
    const input = testInput(wasm[name].inputSize, PEAK[name] ?? 1);
    const expected = await wasm[name].run(input);
    const found = await gpu[name].run(input); // compiles shaders
    const apart = largestDifference(expected, found);
    if (!(apart <= TOLERANCE)) return `WebGPU computes other numbers here (${name}: off by ${apart.toPrecision(2)})`;
    if (!mustBeFaster) continue;
    spent.wasm += await median(wasm[name], input);
    spent.gpu += await median(gpu[name], input);
  }
  if (mustBeFaster && spent.gpu >= spent.wasm) {
    return `wasm is faster here: ${spent.wasm.toFixed(1)} ms instead of ${spent.gpu.toFixed(1)}`;
  }
  return null;
}

async function median(network, input) {
  const times = [];
  for (let i = 0; i < RUNS; i++) {
    const start = performance.now();
    await network.run(input);
    times.push(performance.now() - start);
  }
  return times.sort((one, other) => one - other)[RUNS >> 1];
}

/** Return values between 0 and `peak` that vary slowly, as those of a picture do. */
function testInput(size, peak) {
  return Float32Array.from({ length: size }, (_, i) => (peak / 2) * (1 + Math.sin(i / 97) * Math.cos(i / 1013)));
}

/** Return the largest difference of outputs, by the largest value of each. */
function largestDifference(expected, found) {
  return Math.max(
    ...Object.keys(expected).map((name) => {
      const scale = expected[name].reduce((most, value) => Math.max(most, Math.abs(value)), 1);
      return expected[name].reduce((most, value, i) => {
        const apart = Math.abs(value - found[name][i]) / scale;
        return apart <= most ? most : apart; // NaN stays
      }, 0);
    }),
  );
}

async function each(files, make) {
  const made = {};
  for (const [name, bytes] of Object.entries(files)) made[name] = await make(bytes);
  return made;
}

function closeAll(networks) {
  Object.values(networks).forEach((network) => network.close());
}
