// The picture with its heatmaps and the bars of the chosen face as a PNG file.
import { figure, styleOf } from "../elements.js";
import { aboveNeutral } from "../neutral.js";
import { drawPicture } from "./picture.js";

const TALL = 720, WIDEST = 1280; // px of the picture's part
const CARD = 460, PAD = 24, ROW = 30, HEAD = 64, FOOT = 64;
const NAME = 196, FIGURE = 40;
const MOST = 5;

// Returns a Blob of the picture. Shown: what drawPicture takes; neutral: {name, intensity} or null.
export async function pngOf({ frame, faces, face, info, neutral, shown, source }) {
  const zoom = Math.min(TALL / frame.height, WIDEST / frame.width);
  const [width, height] = [frame.width * zoom, frame.height * zoom];
  const bars = HEAD + info.aus.length * ROW + FOOT;
  const sheet = document.createElement("canvas");
  sheet.width = Math.round(width + CARD + 2 * PAD);
  sheet.height = Math.round(Math.max(height, bars) + 2 * PAD);
  const context = sheet.getContext("2d");
  context.fillStyle = styleOf("--paper");
  context.fillRect(0, 0, sheet.width, sheet.height);
  drawPicture(context, frame, faces, { ...shown, zoom, x: PAD, y: PAD });
  drawCard(context, PAD + width, { face, info, neutral, source });
  return new Promise((resolve) => { sheet.toBlob(resolve, "image/png"); });
}

function drawCard(context, x, { face, info, neutral, source }) {
  const left = x + PAD;
  const write = writer(context);
  write(left, PAD + 12, face ? `Face ${face.id}` : "No face found", { size: 20, weight: 600 });
  const note = !face ? source : face.reason ? `not read: ${face.reason}` : [...face.flags].join(", ") || source;
  write(left, PAD + 38, note, { ink: "--dim", wide: CARD - PAD });
  info.aus.forEach((au, i) => drawBar(context, write, { au, i, left, y: PAD + HEAD + (i + 0.5) * ROW, face, neutral }));
  const bottom = PAD + HEAD + info.aus.length * ROW + 18;
  const marks = [info.aus.some((au) => au.lowReliability) && "* low reliability", face?.interval && "whisker: 90 % interval", neutral && "mark: above neutral"];
  write(left, bottom, marks.filter(Boolean).join("; "), { ink: "--dim", size: 12 });
  write(left, bottom + 20, `${info.modelName}, ${info.accelerator}; not compared with human coders, not an emotion`, { ink: "--dim", size: 12, wide: CARD - PAD });
}

function drawBar(context, write, { au, i, left, y, face, neutral }) {
  const value = face?.intensity[i] ?? NaN;
  const [start, wide] = [left + NAME, CARD - PAD - NAME - FIGURE];
  const at = (level) => start + (wide * Math.min(Math.max(level, 0), MOST)) / MOST;
  const ink = au.lowReliability ? "--dim" : "--ink";
  write(left, y, `${au.label}${au.lowReliability ? "*" : ""}`, { ink, weight: 600 });
  write(left + 56, y, au.name, { ink, size: 13 });
  write(left + CARD - PAD, y, figure(value), { ink, align: "right" });
  context.fillStyle = styleOf("--track");
  context.fillRect(start, y - 7, wide, 14);
  if (!Number.isFinite(value)) return;
  context.fillStyle = styleOf(au.lowReliability ? "--edge" : "--accent");
  context.fillRect(start, y - 7, at(value) - start, 14);
  context.fillStyle = styleOf("--ink");
  const ends = face.interval?.[i];
  if (ends) {
    context.fillRect(at(ends[0]), y - 0.75, at(ends[1]) - at(ends[0]), 1.5);
    for (const end of ends) context.fillRect(at(end) - 0.75, y - 4, 1.5, 8);
  }
  if (neutral) context.fillRect(at(aboveNeutral(value, neutral.intensity[i])) - 2, y - 10, 4, 20);
}

function writer(context) {
  return (x, y, words, { size = 14, weight = 400, ink = "--ink", align = "left", wide } = {}) => {
    context.font = `${weight} ${size}px system-ui, sans-serif`;
    context.fillStyle = styleOf(ink);
    context.textAlign = align;
    context.textBaseline = "middle";
    context.fillText(words, x, y, wide);
  };
}
