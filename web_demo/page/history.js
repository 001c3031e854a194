// Intensities of each face over time, for the time plot and for the neutral of a video.
const MOST_SAMPLES = 20_000;
const NEUTRAL_SECONDS = 1;
const RATE_SECONDS = 2;

export class History {
  constructor() {
    this.clear();
  }

  clear() {
    this.samples = []; // {time, faces: Map id -> {intensity, interval}}
  }

  get last() {
    return this.samples.at(-1)?.time ?? NaN;
  }

  get first() {
    return this.samples[0]?.time ?? NaN;
  }

  // Adds a frame; a step back in time starts afresh.
  add(time, faces) {
    if (time <= this.last) this.clear();
    const read = faces.filter((face) => !face.reason);
    this.samples.push({ time, faces: new Map(read.map(({ id, intensity, interval }) => [id, { intensity, interval }])) });
    if (this.samples.length > MOST_SAMPLES) this.samples.splice(0, MOST_SAMPLES / 10);
  }

  // Returns the frames read per second, over the last two; NaN before the second one.
  get rate() {
    const recent = this.samples.filter(({ time }) => time >= this.last - RATE_SECONDS);
    return (recent.length - 1) / (this.last - recent[0]?.time);
  }

  // Returns the median intensity of a face over the last second, or null if it was not read then.
  neutralOf(id, count) {
    const from = this.last - NEUTRAL_SECONDS;
    const recent = this.samples.filter(({ time, faces }) => time >= from && faces.has(id)).map(({ faces }) => faces.get(id).intensity);
    if (!recent.length) return null;
    return Float32Array.from({ length: count }, (_, i) => median(recent.map((intensity) => intensity[i])));
  }
}

function median(values) {
  const sorted = [...values].sort((one, other) => one - other);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
