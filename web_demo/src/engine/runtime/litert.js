// LiteRT.js: the wasm runtime, and networks on it.

import { download } from "./download.js";

const WASM = "litert/wasm/";

/**
 * Return the LiteRT.js module with its wasm loaded, and its WebGPU adapter.
 *
 * Works on the page and in a classic worker (LiteRT.js needs `importScripts`).
 *
 * @param base URL of the assembled folder.
 * @param onBytes called with the number of bytes of each piece of wasm that arrived.
 */
export async function loadRuntime(base, onBytes) {
  const litert = await import(new URL("litert/index.js", base));
  const scope = globalThis;
  scope.Module = {
    locateFile: (name) => new URL(WASM + name, base).href,
    // With progress, and whatever type the host gives .wasm files.
    instantiateWasm: (imports, done) => {
      instantiate(base, litert, imports, onBytes).then(([instance, module]) => done(instance, module), scope.Module.fail);
      return {};
    },
    print: () => {},
    printErr: () => {}, // what LiteRT tells of itself; errors are thrown
  };
  const failed = new Promise((_, reject) => (scope.Module.fail = reject));
  await Promise.race([litert.loadLiteRt(new URL(WASM, base).href), failed]);
  return litert;
}

async function instantiate(base, litert, imports, onBytes) {
  const simd = await litert.supportsFeature("relaxedSimd");
  const file = simd ? "litert_wasm_internal.wasm" : "litert_wasm_compat_internal.wasm";
  const bytes = await download(new URL(WASM + file, base), { onBytes });
  const { instance, module } = await WebAssembly.instantiate(bytes, imports);
  return [instance, module];
}

/** One network; `run` calls must not overlap. */
export class Network {
  #litert;
  #model;
  #shape;
  #names;

  /** @param model compiled by LiteRT.js. */
  constructor(litert, model) {
    this.#litert = litert;
    this.#model = model;
    const inputs = model.getInputDetails();
    if (inputs.length !== 1) {
      throw new Error(`A network must have one input, not ${inputs.length}: assemble the page again with \`make web\`.`);
    }
    this.#shape = Array.from(inputs[0].shape);
    this.#names = model.getOutputDetails().map(({ name }) => name);
  }

  /** Number of values of the input. */
  get inputSize() {
    return this.#shape.reduce((product, side) => product * side, 1);
  }

  /** Names of the outputs. */
  get outputs() {
    return this.#names;
  }

  /** Return output name -> Float32Array. @param values of the input. */
  async run(values) {
    const input = new this.#litert.Tensor(values, this.#shape);
    let tensors = [];
    try {
      tensors = await this.#model.run([input]);
      const data = await Promise.all(tensors.map((tensor) => tensor.data()));
      return Object.fromEntries(this.#names.map((name, i) => [name, data[i]]));
    } finally {
      input.delete();
      tensors.forEach((tensor) => tensor.delete());
    }
  }

  close() {
    this.#model.delete();
  }
}

/**
 * Return a network on "wasm" or "webgpu", which computes in 32-bit floats.
 *
 * @param bytes of a .tflite file.
 * @throws Error if the GPU can't run all of it.
 */
export async function compile(litert, bytes, accelerator) {
  const gpuOptions = accelerator === "webgpu" ? { gpuOptions: { precision: "fp32" } } : {};
  const model = await litert.loadAndCompile(bytes, { accelerator, ...gpuOptions });
  if (accelerator === "webgpu" && !(model.options.accelerator === "webgpu" && model.isFullyAccelerated)) {
    model.delete();
    throw new Error("WebGPU can't run all layers of the model");
  }
  return new Network(litert, model);
}
