// Picture -> faces with AU intensities; the order of steps is that of fau_tf/inference/estimator.py.

import { compileAll } from "./runtime/accelerator.js";
import { auRows, loadContract, variantOf } from "./runtime/contract.js";
import { crop, cropMatrix } from "./face/crop.js";
import { auOfChannels, intervals, maxima, peakedness, sideIntensity } from "./decode.js";
import { download } from "./runtime/download.js";
import { bounds } from "./face/geometry.js";
import { FaceLandmarker } from "./face/landmarker.js";
import { loadRuntime } from "./runtime/litert.js";
import { readWeights } from "./quality/occlusion.js";
import { measure, verdict } from "./quality/quality.js";
import { FaceTracker } from "./face/tracking.js";

const MODES = ["image", "video"];
const MAX_FACES = 10;

export class Estimator {
  #contract;
  #networks;
  #landmarker;
  #tracker = null;
  #lastTime = -Infinity;
  #crop;

  /** What a reader says of itself, see FauReader. */
  info;

  constructor(contract, networks, info) {
    this.#contract = contract;
    this.#networks = networks;
    this.#landmarker = new FaceLandmarker(networks);
    const size = contract.metadata.image_size;
    this.#crop = new Float32Array(size * size * 3);
    this.info = info;
  }

  /**
   * Load models and runtime.
   *
   * @param base URL of the assembled folder.
   * @param onProgress called with {loaded, total} bytes.
   */
  static async load(base, { accelerator = "auto", variant = "float16", onProgress = () => {} } = {}) {
    const { metadata, reader } = await loadContract(base);
    const [key, model] = variantOf(metadata, variant);
    const rows = { detector: reader.files.detector, landmarks: reader.files.landmarks, aus: model, occlusion: reader.files.occlusion };
    const total = Object.values(rows).reduce((sum, { bytes }) => sum + bytes, reader.files.wasm.bytes);
    let loaded = 0;
    const onBytes = (bytes) => {
      loaded = Math.min(loaded + bytes, total);
      onProgress({ loaded, total });
    };
    const fetched = Object.entries(rows).map(async ([name, { file, sha256 }]) => [
      name,
      await download(new URL(`models/${file}`, base), { sha256, onBytes }),
    ]);
    const [litert, ...files] = await Promise.all([loadRuntime(base, onBytes), ...fetched]);
    const { occlusion, ...networks } = Object.fromEntries(files);
    const weights = readWeights(occlusion, reader.files.occlusion.arrays);
    const compiled = await compileAll(litert, networks, accelerator, model.accelerators.includes("gpu"));
    const info = {
      aus: auRows(metadata),
      accelerator: compiled.accelerator,
      whyNot: compiled.whyNot,
      modelName: model.file.replace(/\.tflite$/, ""),
      variant: key,
      version: reader.version,
      sha256: model.sha256,
      contractVersion: metadata.contract_version,
      intervalLevel: metadata.intervals?.level ?? null,
      imageSize: metadata.image_size,
      heatmapSize: metadata.heatmap_size,
      centers: metadata.centers,
    };
    const made = new Estimator({ metadata, reader, weights }, compiled.networks, info);
    await made.read({ data: new Uint8ClampedArray(4), width: 1, height: 1 }); // the first run allocates memory
    return made;
  }

  /**
   * Return the faces of a picture, left to right; see FauReader.read.
   *
   * @param picture {data, width, height}: RGBA.
   */
  async read(picture, { mode = "image", timestampMs = null, heatmaps = false, maxFaces = MAX_FACES } = {}) {
    if (!MODES.includes(mode)) throw new Error(`mode must be one of ${MODES.join(", ")}, not ${JSON.stringify(mode)}.`);
    if (!(maxFaces >= 1)) throw new Error(`maxFaces must be 1 or more, not ${maxFaces}.`);
    this.#landmarker.clearTimes();
    const found = await (mode === "image" ? this.#inPhoto(picture, maxFaces) : this.#inVideo(picture, maxFaces, timestampMs));
    const start = performance.now();
    const faces = [];
    for (const { face, id } of found) faces.push({ id, ...(await this.#readFace(picture, face, heatmaps)) });
    const milliseconds = { ...this.#landmarker.times, aus: performance.now() - start };
    return { faces, width: picture.width, height: picture.height, milliseconds };
  }

  async #inPhoto(picture, most) {
    const faces = await this.#landmarker.findFaces(picture, most);
    return faces.map((face, id) => ({ face, id }));
  }

  async #inVideo(picture, most, time) {
    const stamp = time ?? this.#lastTime;
    // Back in time: another video, or the same from its beginning.
    if (!this.#tracker || stamp < this.#lastTime) this.#tracker = new FaceTracker(this.#landmarker);
    this.#lastTime = stamp;
    return this.#tracker.find(picture, most);
  }

  async #readFace(picture, face, withHeatmaps) {
    const { metadata, reader } = this.#contract;
    const { crop: rules, landmarks: mesh } = metadata;
    const landmarks = Float64Array.from(mesh.ibug68_from_mesh.flatMap((i) => [face.mesh[2 * i], face.mesh[2 * i + 1]]));
    const matrix = cropMatrix(rules, landmarks);
    crop(picture, matrix, rules.size, rules.shrink.while_px_per_crop_px_above, this.#crop);
    const measures = measure(picture, face, { landmarks, matrix, crop: this.#crop }, this.#contract);
    const { reason } = verdict(measures, reader.quality);
    const readings = reason ? this.#unread() : await this.#readAus(measures, withHeatmaps);
    const { flags, score } = verdict(measures, reader.quality);
    const box = bounds(face.mesh);
    return {
      box: { x: box.x0, y: box.y0, width: box.x1 - box.x0, height: box.y1 - box.y0 },
      landmarks: Float32Array.from(face.mesh),
      confidence: face.presence,
      ...readings,
      flags,
      score,
      reason,
      quality: measures,
      pose: { yaw: measures.yaw, pitch: measures.pitch, roll: measures.roll },
      crop: { matrix, size: rules.size },
    };
  }

  async #readAus(measures, withHeatmaps) {
    const { metadata } = this.#contract;
    const { intensity, heatmaps } = await this.#networks.aus.run(this.#crop);
    if (!intensity.every(Number.isFinite) || !heatmaps.every(Number.isFinite)) {
      throw new Error("The AU model gives NaN on this device. Load the reader with accelerator: \"wasm\".");
    }
    const channels = metadata.centers.length;
    const top = maxima(heatmaps, channels);
    measures.peakedness = peakedness(heatmaps, metadata.heatmap_size, top);
    const maps = { size: metadata.heatmap_size, channels, data: heatmaps, auOf: auOfChannels(metadata) };
    return {
      intensity,
      interval: intervals(metadata, intensity),
      left: sideIntensity(metadata, top, "left"),
      right: sideIntensity(metadata, top, "right"),
      heatmaps: withHeatmaps ? maps : null,
    };
  }

  #unread() {
    const nothing = () => new Float32Array(this.#contract.metadata.aus.length).fill(NaN);
    return { intensity: nothing(), interval: null, left: nothing(), right: nothing(), heatmaps: null };
  }

  /** Free the networks. */
  close() {
    Object.values(this.#networks).forEach((network) => network.close());
  }
}
