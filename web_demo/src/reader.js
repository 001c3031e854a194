// FauReader: action unit intensities of the faces in a picture, canvas or video, in the browser.
//
//   import { FauReader } from "./src/reader.js";
//   const reader = await FauReader.load();
//   const { faces } = await reader.read(document.querySelector("video"), { mode: "video" });

const FOLDER = new URL("../", import.meta.url); // that `make web` assembled

/**
 * Reads faces. Nothing leaves the browser: only the files of the assembled folder are fetched.
 *
 * `info` is {aus: [{label, number, name, sided, lowReliability, reasons}], accelerator, whyNot, modelName,
 * variant, version, sha256, contractVersion, intervalLevel, imageSize, heatmapSize, centers}: `sided` AUs
 * have sides; `sha256` is
 * that of the model's file; `accelerator` is what runs, "wasm" or "webgpu", and `whyNot` why it isn't
 * WebGPU (null if it is).
 */
export class FauReader {
  #engine;
  #closed = false;
  info;

  constructor(engine, info) {
    this.#engine = engine;
    this.info = info;
  }

  /**
   * Load runtime and models; some seconds, most of them download.
   *
   * @param {string | URL} [baseUrl] the assembled folder; by default the one of this module. It must
   *   be on the page's own site, since browsers start no worker from another one.
   * @param {object} [options]
   * @param {"auto" | "wasm" | "webgpu"} [options.accelerator]
   * @param {"float16" | "int8"} [options.variant] of the AU model: exact, or half the size and less exact.
   * @param {(progress: {loaded: number, total: number}) => void} [options.onProgress] bytes.
   * @param {boolean} [options.inPage] compute on the page instead of in a worker, which stalls it.
   * @throws Error with a sentence that says what to do.
   */
  static async load(baseUrl = FOLDER, { accelerator = "auto", variant = "float16", onProgress = () => {}, inPage = false } = {}) {
    if (typeof WebAssembly !== "object") {
      throw new Error("This browser has no WebAssembly, or it is switched off. Take a current browser.");
    }
    const base = new URL(baseUrl, globalThis.location?.href).href;
    const folder = base.endsWith("/") ? base : `${base}/`;
    const Engine = inPage || typeof Worker === "undefined" ? PageEngine : WorkerEngine;
    const engine = new Engine();
    try {
      const info = await engine.load({ base: folder, options: { accelerator, variant } }, onProgress);
      return new FauReader(engine, info);
    } catch (error) {
      engine.close();
      throw error;
    }
  }

  /**
   * Return the faces of a picture, left to right.
   *
   * Points are px of the picture, pixel centers on integers. Calls are answered in turn: await each
   * before the next, or frames pile up.
   *
   * @param source HTMLImageElement, HTMLVideoElement (its current frame), HTMLCanvasElement,
   *   OffscreenCanvas, ImageBitmap, VideoFrame, ImageData, or Blob of an image file.
   * @param {object} [options]
   * @param {"image" | "video"} [options.mode] "video": successive frames of one video. Faces are
   *   followed, which is faster, and keep their `id`. Values are never smoothed.
   * @param {number} [options.timestampMs] of a frame; a smaller one than before begins a new video.
   * @param {boolean} [options.heatmaps] also return the model's heatmaps.
   * @param {number} [options.maxFaces] the largest ones are read; 10 by default.
   * @returns {Promise<{faces: Array, width: number, height: number, milliseconds: object}>} of each
   *   face: `id`; `box` {x, y, width, height}; `landmarks` Float32Array of 478 (x, y); `confidence`,
   *   the landmark network's probability of a face; `intensity`, Float32Array in the order of
   *   `info.aus`, 0 to 5, NaN if `reason` says why the face is not read; `interval`, [low, high] of
   *   each, or null; `left` and `right`, intensities on the picture's left and right, NaN for AUs
   *   without exactly one center on each side; `flags`, warnings; `score`, quality, 0 to 1; `quality`, the
   *   measures behind it; `reason`, or null; `pose` {yaw, pitch, roll} in degrees; `crop` {matrix, size}: six numbers, row by row, from picture px to px
   *   of the aligned crop; `heatmaps` {size, channels, data, auOf} over that crop, or null: `data` is
   *   row by row, channels last, and `auOf` has the index of each channel's AU.
   * @throws Error with a sentence that says what to do.
   */
  async read(source, options = {}) {
    if (this.#closed) throw new Error("This reader is closed. Load another one with FauReader.load.");
    return this.#engine.read(await sendable(source), options ?? {});
  }

  /** Free memory and worker; later calls of `read` throw. */
  close() {
    this.#closed = true;
    this.#engine.close();
  }
}

/** Return {pixels} or {bitmap} of a source. */
async function sendable(source) {
  if (globalThis.ImageData && source instanceof ImageData) {
    return { pixels: { data: source.data, width: source.width, height: source.height } };
  }
  await checkReady(source);
  let bitmap;
  try {
    bitmap = await createImageBitmap(source);
  } catch (error) {
    throw new Error(`This is no picture that the browser can read (${kindOf(source)}): ${error.message}. Take a JPEG, PNG or WebP file.`);
  }
  if (globalThis.OffscreenCanvas) return { bitmap };
  // A worker can't get at pixels here.
  const { pixelsOf } = await import("./engine/pixels.js");
  const pixels = pixelsOf(bitmap);
  bitmap.close();
  return { pixels };
}

async function checkReady(source) {
  if (globalThis.HTMLVideoElement && source instanceof HTMLVideoElement) {
    if (source.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) {
      throw new Error("The video has no frame yet. Wait for its event `loadeddata`.");
    }
  } else if (globalThis.HTMLImageElement && source instanceof HTMLImageElement) {
    await source.decode().catch(() => {
      throw new Error(`The picture can't be loaded or decoded: ${source.currentSrc || source.src}`);
    });
  }
}

function kindOf(source) {
  if (source instanceof Blob) return source.name ?? (source.type || "Blob");
  return source?.constructor?.name ?? String(source);
}

/** The engine in a worker. */
class WorkerEngine {
  #worker = new Worker(new URL("./worker.js", import.meta.url));
  #waiting = new Map();
  #next = 0;

  constructor() {
    this.#worker.onmessage = ({ data }) => this.#receive(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#failAll(`The worker failed: ${event.message ?? "it can't be started"}. Reload the page.`);
    };
  }

  load(values, onProgress) {
    return this.#call("load", values, [], onProgress);
  }

  read({ bitmap, pixels }, options) {
    return this.#call("read", { bitmap, pixels, options }, bitmap ? [bitmap] : []);
  }

  close() {
    this.#worker.terminate();
    this.#failAll("The reader was closed.");
  }

  #call(call, values, transfer, onProgress = () => {}) {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject, onProgress });
      try {
        this.#worker.postMessage({ id, call, values }, transfer);
      } catch (error) {
        this.#waiting.delete(id);
        for (const bitmap of transfer) bitmap.close();
        reject(new Error(`The picture can't be handed to the worker: ${error.message} Pictures of other sites need CORS headers.`));
      }
    });
  }

  #receive({ id, progress, error, result }) {
    const waiting = this.#waiting.get(id);
    if (!waiting) return;
    if (progress) {
      waiting.onProgress(progress);
      return;
    }
    this.#waiting.delete(id);
    if (error === undefined) waiting.resolve(result);
    else waiting.reject(new Error(error));
  }

  #failAll(message) {
    for (const { reject } of this.#waiting.values()) reject(new Error(message));
    this.#waiting.clear();
  }
}

/** The same engine on the page. */
class PageEngine {
  #estimator = null;
  #last = Promise.resolve();

  async load({ base, options }, onProgress) {
    const { Estimator } = await import("./engine/estimator.js");
    this.#estimator = await Estimator.load(base, { ...options, onProgress });
    return this.#estimator.info;
  }

  async read({ bitmap, pixels }, options) {
    const { pixelsOf, onWhite } = await import("./engine/pixels.js");
    const picture = bitmap ? pixelsOf(bitmap) : onWhite(pixels);
    bitmap?.close();
    const result = this.#last.then(() => this.#estimator.read(picture, options));
    this.#last = result.catch(() => {});
    return result;
  }

  close() {
    this.#estimator?.close();
  }
}
