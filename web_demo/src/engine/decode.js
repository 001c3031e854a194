// From the outputs of the AU model to readings: intervals, sides, and the shape of the heatmaps.

const LEVELS = 6; // rounded intensities 0 to 5
const MAX_INTENSITY = 5;
const ACTIVE = 0.5; // maximum from which a heatmap has a shape

/**
 * Return [low, high] of each AU: its intensity plus `below` and `above` at its rounded intensity.
 *
 * @returns null if the model has no intervals.
 */
export function intervals(metadata, intensity) {
  if (!metadata.aus.every((au) => au.interval)) return null;
  return metadata.aus.map(({ interval: { below, above } }, a) => {
    const value = intensity[a];
    if (!Number.isFinite(value)) return [NaN, NaN];
    const level = Math.min(Math.max(Math.floor(value + 0.5), 0), LEVELS - 1);
    return [clip(value + below[level]), clip(value + above[level])];
  });
}

function clip(value) {
  return Math.min(Math.max(value, 0), MAX_INTENSITY);
}

/** Return the maximum of each channel of (h, w, K) heatmaps. */
export function maxima(heatmaps, channels) {
  const top = new Float32Array(channels).fill(-Infinity);
  for (let i = 0; i < heatmaps.length; i++) {
    const channel = i % channels;
    if (heatmaps[i] > top[channel]) top[channel] = heatmaps[i];
  }
  return top;
}

/**
 * Return each AU's intensity on the left or the right of the picture: the maximum of that center's
 * heatmap. A person that faces the camera has the right half of the face on the picture's left.
 *
 * @param side "left" or "right".
 * @returns Float32Array of A; NaN of AUs that have other centers than one on each side, as
 *   `facs.has_sides` in Python: with a third one, both sides would not have the intensity as their mean.
 */
export function sideIntensity(metadata, top, side) {
  return Float32Array.from(metadata.aus, ({ centers }) => {
    return hasSides(centers) ? top[centers.find(({ name }) => name.endsWith(`_${side}`)).channel] : NaN;
  });
}

/** Return whether an AU has one center on each side, and no others. */
export function hasSides(centers) {
  return centers.length === 2 && ["_left", "_right"].every((side) => centers.some(({ name }) => name.endsWith(side)));
}

/** Return for each heatmap channel the index of its AU. */
export function auOfChannels(metadata) {
  const owners = new Array(metadata.centers.length).fill(-1);
  metadata.aus.forEach(({ centers }, a) => centers.forEach(({ channel }) => (owners[channel] = a)));
  return owners;
}

/**
 * Return how much of the heatmaps lies around their peaks, 0 to 1; NaN if none is active.
 *
 * The share of a map's sum within an eighth of its side from its maximum, over maps of 0.5 or more,
 * weighted by their maxima; fau_tf/inference/quality.py.
 *
 * @param heatmaps (side, side, K).
 * @param top maximum of each channel.
 */
export function peakedness(heatmaps, side, top) {
  const channels = top.length;
  let [total, weights] = [0, 0];
  for (let k = 0; k < channels; k++) {
    if (!(top[k] >= ACTIVE)) continue;
    total += top[k] * shareAroundPeak(heatmaps, side, channels, k, top[k]);
    weights += top[k];
  }
  return weights ? total / weights : NaN;
}

function shareAroundPeak(heatmaps, side, channels, k, top) {
  let peak = 0;
  while (heatmaps[peak * channels + k] !== top) peak++;
  const [row, column] = [Math.floor(peak / side), peak % side];
  let [near, all] = [0, 0];
  for (let i = 0; i < side * side; i++) {
    const value = heatmaps[i * channels + k];
    const apart = (Math.floor(i / side) - row) ** 2 + ((i % side) - column) ** 2;
    if (apart <= (side / 8) ** 2) near += value;
    all += value;
  }
  return near / all;
}
