// Rows in the columns of the Python command's CSV with --sides (docs/guide/predict.md): one for each face of a frame.
import { aboveNeutral, fits } from "./neutral.js";

const FLOOR = 0.5; // of the stronger side, for an asymmetry

export const PRESENT_FROM = 1;
export const MOST_ROWS = 200_000;

// Fields of `Quality` in fau_tf/inference/quality.py, in its order; NaN where the page measures none.
const MEASURES = [
  "eye_distance_px", "alignment", "sharpness", "peakedness", "yaw", "pitch", "roll", "presence_logit", "noise",
  "brightness", "contrast", "clipped", "color", "eyes_covered", "mouth_covered", "face",
];
const BOX = ["x0", "y0", "x1", "y1"];
const FORMULA = /^[=+\-@\t\r\n]/;

// The rows of all sources since the last clear.
export class Table {
  constructor() {
    this.rows = [];
  }

  get full() {
    return this.rows.length >= MOST_ROWS;
  }

  // Adds a row for each face, or one for a frame without; faces have an `id`.
  // Frame: {number, timestamp (s; 0 for a picture), source (name), origin, faces, reason (without faces)}.
  add({ number, timestamp, source, origin, faces, reason }) {
    const common = { number, timestamp, source, origin };
    if (!faces.length) this.rows.push({ ...common, face: null, reason });
    for (const face of faces) this.rows.push({ ...common, face: kept(face), reason: face.reason ?? "" });
  }

  // What its file is named after: the source of the rows, of several none.
  get name() {
    const [name, ...others] = new Set(this.rows.map(({ source }) => source));
    return others.length ? "fau" : name;
  }

  clear() {
    this.rows = [];
  }

  // Takes the rows of a source away, by its origin.
  drop({ source }) {
    this.rows = this.rows.filter(({ origin }) => origin.source !== source);
  }

  // Returns the text of the file. Neutral: as in state.js, or null; faces of which it is not have NaN.
  text(info, neutral) {
    const hasInterval = this.rows.some(({ face }) => face?.interval) || Boolean(info.intervalLevel);
    const lines = [columns(info, hasInterval, neutral)];
    for (const row of this.rows) lines.push(cells(row, info, hasInterval, neutral));
    return lines.map((line) => `${line.map(quoted).join(",")}\n`).join("");
  }
}

// Returns the figures of the bars as lines with tabs, which spreadsheets take as cells.
// Args: info; face; shown: {view, neutral, own, mirrored}, as of Bars.update.
export function barsText(info, face, shown) {
  const figures = shown.view === "sides" ? screenSides(face, shown) : wholeFace(face, shown);
  const head = ["AU", "name", ...figures.map(([heading]) => heading)];
  const lines = info.aus.map(({ label, name }, i) => [label, name, ...figures.map(([, values]) => decimal(values[i]))]);
  return [head, ...lines].map((line) => `${line.join("\t")}\n`).join("");
}

function wholeFace({ intensity, interval }, { neutral, own }) {
  const above = (value, i) => (own ? aboveNeutral(value, neutral.intensity[i]) : NaN);
  return [
    ["intensity", intensity],
    ...(interval ? ["low", "high"].map((end, i) => [end, interval.map((ends) => ends[i])]) : []),
    ...(neutral ? [["above neutral", intensity.map(above)]] : []),
  ];
}

function screenSides({ left, right }, { mirrored }) {
  return [["left of the screen", mirrored ? right : left], ["right of the screen", mirrored ? left : right]];
}

// What a row needs of a face: heatmaps and meshes would fill the memory.
function kept({ id, box, score, intensity, interval, left, right, flags, quality }) {
  return { id, box, score, intensity, interval, left, right, flags, quality };
}

export function columns(info, hasInterval, neutral) {
  const labels = info.aus.map((au) => au.label);
  const endings = ["_r", "_c", ...(hasInterval ? ["_low", "_high"] : []), ...(neutral ? ["_above_neutral"] : [])];
  return [
    "frame", "face_id", "timestamp", "confidence", "success",
    ...endings.flatMap((ending) => labels.map((label) => label + ending)),
    ...["_L_r", "_R_r", "_asymmetry"].flatMap((ending) => info.aus.filter((au) => au.sided).map(({ label }) => label + ending)),
    "reason", "flags", "source", ...BOX, ...MEASURES, "processing", "model", "model_sha256", "contract_version",
    ...(info.aus.some((au) => au.lowReliability) ? ["low_reliability"] : []),
  ];
}

function cells({ number, timestamp, source, origin, face, reason }, info, hasInterval, neutral) {
  const read = face !== null && !reason;
  const own = read && neutral && fits(neutral, origin, face.id);
  const raw = info.aus.map((_, i) => (read ? face.intensity[i] : NaN)).map(decimal);
  const ends = (side) => info.aus.map((_, i) => decimal(read && face.interval ? face.interval[i][side] : NaN));
  const low = info.aus.filter((au) => au.lowReliability).map((au) => au.label).sort();
  const box = face ? [face.box.x, face.box.y, face.box.x + face.box.width, face.box.y + face.box.height] : BOX.map(() => NaN);
  return [
    String(number), String(face ? face.id : 0), decimal(timestamp), decimal(face ? face.score : 0), read ? "1" : "0",
    ...raw,
    ...raw.map((level) => (level === "NaN" ? "NaN" : String(Number(Number(level) >= PRESENT_FROM)))),
    ...(hasInterval ? [...ends(0), ...ends(1)] : []),
    ...(neutral ? info.aus.map((_, i) => decimal(own ? aboveNeutral(face.intensity[i], neutral.intensity[i]) : NaN)) : []),
    ...sides(face, read, info).map(decimal),
    harmless(reason), harmless((face?.flags ?? []).join("; ")), harmless(source, "./"),
    ...box.map(decimal),
    ...MEASURES.map((name) => decimal(face?.quality?.[name] ?? NaN)),
    harmless(own ? `neutral=${neutral.name}` : "none"),
    harmless(info.modelName), info.sha256, String(info.contractVersion),
    ...(low.length ? [low.join(" ")] : []),
  ];
}

export function decimal(value) {
  // Adding 0 turns -0 into 0.
  return Number.isFinite(value) ? (Math.round(value * 1000) / 1000 + 0).toFixed(3) : "NaN";
}

// Returns text that no spreadsheet runs as a formula.
function harmless(text, prefix = "'") {
  return FORMULA.test(text) ? prefix + text : text;
}

function quoted(cell) {
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}

// Returns the face's own left sides, its right ones and the asymmetries, as `--sides` of Python. The face's left is on the
// right of the picture as it is in its file or comes from the camera; how the page shows it changes nothing.
function sides(face, read, info) {
  const of = (values) => info.aus.flatMap((au, i) => (au.sided ? [read ? values()[i] : NaN] : []));
  const [left, right] = [of(() => face.right), of(() => face.left)];
  return [...left, ...right, ...left.map((value, i) => asymmetry(value, right[i]))];
}

function asymmetry(left, right) {
  return Math.max(left, right) >= FLOOR ? (left - right) / (left + right) : NaN;
}
