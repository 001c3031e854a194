// The network's heatmaps as a color overlay, in the colors of the Python package's pictures.
const RAMP = [[30, 60, 255], [0, 190, 255], [60, 240, 150], [255, 240, 60], [255, 120, 0], [255, 0, 60]];
// Intensity from which a heatmap is most opaque, and its opacity there.
const OPAQUE_FROM = 2;
const COVER = 0.65;
const STEPS = 128; // colors per unit of intensity
const ZOOM = 4; // intensities are enlarged before they are colored, so that the colors have no steps

// Returns [red, green, blue] of an intensity.
export function color(intensity) {
  const level = Math.min(Math.max(intensity, 0), RAMP.length - 1);
  const low = Math.min(Math.floor(level), RAMP.length - 2);
  return RAMP[low].map((from, i) => Math.round(from + (RAMP[low + 1][i] - from) * (level - low)));
}

// The color and the opacity of each level, as the four bytes of a pixel: computed once, not for each pixel.
const TABLE = new Uint32Array(new Uint8ClampedArray(Array.from({ length: (RAMP.length - 1) * STEPS + 1 }, (_, step) => {
  const level = step / STEPS;
  return [...color(level), Math.round(255 * COVER * Math.min(level / OPAQUE_FROM, 1))];
}).flat()).buffer);

// Returns the (size, size) maximum of the channels of one AU, or of all if `au` is null; NaN counts as 0.
export function maximum({ size, channels, data, auOf }, au) {
  const chosen = [...Array(channels).keys()].filter((k) => au === null || auOf[k] === au);
  const levels = new Float32Array(size * size);
  for (let cell = 0; cell < levels.length; cell += 1) {
    for (const k of chosen) {
      const level = data[cell * channels + k];
      if (level > levels[cell]) levels[cell] = level;
    }
  }
  return levels;
}

// Draws the heatmaps of one AU (or of all: null) over the face.
// Args: context, whose transform maps px of the picture; face: with heatmaps and crop.
export function drawHeatmaps(context, face, au) {
  if (!face.heatmaps) return;
  const { size } = face.heatmaps;
  const stride = (face.crop.size ?? 4 * size) / size;
  const sheet = colored(enlarged(maximum(face.heatmaps, au), size), size * ZOOM);
  context.save();
  context.transform(...canvasOrder(inverse(face.crop.matrix)));
  // Pixel centers are on integers: a sheet begins half a pixel before its first center.
  context.translate(-0.5, -0.5);
  context.scale(stride / ZOOM, stride / ZOOM);
  context.imageSmoothingEnabled = true;
  context.drawImage(sheet, 0, 0);
  context.restore();
}

function enlarged(levels, size) {
  const wide = size * ZOOM;
  const places = Array.from({ length: wide }, (_, i) => {
    const at = Math.min(Math.max((i + 0.5) / ZOOM - 0.5, 0), size - 1);
    const low = Math.min(Math.floor(at), size - 2);
    return [low, at - low];
  });
  const large = new Float32Array(wide * wide);
  places.forEach(([y, down], row) => {
    places.forEach(([x, right], column) => {
      const first = y * size + x;
      const above = levels[first] + (levels[first + 1] - levels[first]) * right;
      const below = levels[first + size] + (levels[first + size + 1] - levels[first + size]) * right;
      large[row * wide + column] = above + (below - above) * down;
    });
  });
  return large;
}

function colored(levels, wide) {
  const image = new ImageData(wide, wide);
  const pixels = new Uint32Array(image.data.buffer);
  for (let i = 0; i < levels.length; i += 1) pixels[i] = TABLE[Math.min(Math.round(levels[i] * STEPS), TABLE.length - 1)];
  const sheet = document.createElement("canvas");
  Object.assign(sheet, { width: wide, height: wide });
  sheet.getContext("2d").putImageData(image, 0, 0);
  return sheet;
}

// Returns the inverse of a (2, 3) matrix, given flat by rows or as two rows.
export function inverse(matrix) {
  const [a, b, c, d, e, f] = Array.from(matrix).flat();
  const determinant = a * e - b * d;
  return [e, -b, b * f - c * e, -d, a, c * d - a * f].map((entry) => entry / determinant);
}

// Returns the arguments of CanvasRenderingContext2D.transform for flat rows.
function canvasOrder([a, b, c, d, e, f]) {
  return [a, d, b, e, c, f];
}
