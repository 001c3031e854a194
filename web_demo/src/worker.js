// All computation, away from the page. A classic worker: LiteRT.js loads its wasm by importScripts.
// Messages: {id, call, arguments} -> {id, result} or {id, error}, and {id, progress} before.

const modules = Promise.all([import("./engine/estimator.js"), import("./engine/pixels.js")]);
let estimator = null;
let last = Promise.resolve(); // networks are used in turn

const calls = {
  async load({ base, options }, onProgress) {
    const [{ Estimator }] = await modules;
    estimator = await Estimator.load(base, { ...options, onProgress });
    return estimator.info;
  },

  async read({ bitmap, pixels, options }) {
    const [, { pixelsOf, onWhite }] = await modules;
    const picture = bitmap ? pixelsOf(bitmap) : onWhite(pixels);
    bitmap?.close();
    return estimator.read(picture, options);
  },
};

self.onmessage = ({ data: { id, call, values } }) => {
  const onProgress = (progress) => self.postMessage({ id, progress });
  last = last
    .then(() => calls[call](values, onProgress))
    .then((result) => self.postMessage({ id, result }, buffersOf(result)))
    .catch((error) => self.postMessage({ id, error: error.message ?? String(error) }));
};

/** Return the buffers of a result that are handed over instead of copied. */
function buffersOf({ faces = [] }) {
  return faces.flatMap((face) => [face.landmarks.buffer, ...(face.heatmaps ? [face.heatmaps.data.buffer] : [])]);
}
