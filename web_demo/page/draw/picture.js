// The picture on the stage: the frame that was read, heatmaps over it, and a frame around each face.
import { drawHeatmaps } from "./heatmaps.js";

export const FACE_COLORS = ["#4cc9f0", "#ffb703", "#b5e48c", "#f78fb3", "#c9a7ff", "#ff8c61"];
const TALLEST = 0.62; // of the window's height, so that the controls stay in view
const TALLEST_ABOVE_BARS = 0.34; // where the bars come below, so that they stay in view
// Whether the page has one column, on an upright phone.
export const barsBelow = matchMedia("(max-width: 900px) and (orientation: portrait)");

// Draws a frame with what was read from it.
// Args: context: its transform is set here; frame: canvas; faces: with `id`; au: index, null for all,
// undefined for no heatmaps; chosen: id of the chosen face; zoom: px of the context per px of the frame.
export function drawPicture(context, frame, faces, { au, chosen, zoom, mirrored = false, x = 0, y = 0 }) {
  context.save();
  context.setTransform(mirrored ? -zoom : zoom, 0, 0, zoom, x + (mirrored ? frame.width * zoom : 0), y);
  context.imageSmoothingQuality = "high";
  context.drawImage(frame, 0, 0);
  for (const face of faces) {
    if (au !== undefined && !face.reason) drawHeatmaps(context, face, au);
  }
  context.restore();
  if (faces.length < 2 && !faces.some((face) => face.reason)) return;
  faces.forEach((face) => {
    const left = mirrored ? frame.width - face.box.x - face.box.width : face.box.x;
    const box = [left, face.box.y, face.box.width, face.box.height].map((side) => side * zoom);
    tag(context, [box[0] + x, box[1] + y, box[2], box[3]], String(face.id), faceColor(face.id), face.id === chosen);
  });
}

export function faceColor(id) {
  return FACE_COLORS[id % FACE_COLORS.length];
}

function tag(context, [x, y, width, height], words, color, chosen) {
  const unit = Math.max(1, context.canvas.width / 640);
  context.save();
  context.lineWidth = (chosen ? 4 : 2) * unit + 2;
  context.strokeStyle = "black";
  context.strokeRect(x, y, width, height);
  context.lineWidth = (chosen ? 4 : 2) * unit;
  context.strokeStyle = color;
  context.strokeRect(x, y, width, height);
  context.font = `600 ${14 * unit}px system-ui, sans-serif`;
  const wide = Math.max(22 * unit, context.measureText(words).width + 10 * unit);
  const top = y >= 22 * unit ? y - 22 * unit : y;
  context.fillStyle = color;
  context.fillRect(x, top, wide, 22 * unit);
  context.fillStyle = "black";
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(words, x + wide / 2, top + 11 * unit);
  context.restore();
}

// Sizes the stage's canvas for a frame and returns px of the canvas per px of the frame.
export function fitStage(canvas, holder, frame) {
  const ratio = window.devicePixelRatio || 1;
  const tallest = window.innerHeight * (barsBelow.matches ? TALLEST_ABOVE_BARS : TALLEST);
  const width = Math.min(holder.clientWidth, (tallest * frame.width) / frame.height);
  const zoom = (width * ratio) / frame.width;
  const size = { width: Math.max(1, Math.round(frame.width * zoom)), height: Math.max(1, Math.round(frame.height * zoom)) };
  if (canvas.width !== size.width || canvas.height !== size.height) {
    Object.assign(canvas, size);
    canvas.style.width = `${width}px`;
  }
  return zoom;
}
