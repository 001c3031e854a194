// The time plot: a line with its interval for one AU, and below it a strip for each AU.
import { clock, fitted, styleOf } from "../elements.js";

const LEFT = 54, RIGHT = 10, TOP = 8, LINE = 120, GAP = 14, STRIP = 13, AXIS = 20;
const MOST = 5, LIVE_SECONDS = 60;
const GAP_SECONDS = 2; // a line is broken where a face was not read for longer

// Draws the history of one face.
// Args: span: {from, to} in s; aus; chosen: index of the AU of the line; face: id.
export function drawPlot(canvas, history, { aus, chosen, face, span }) {
  const width = canvas.parentElement.clientWidth - 2 * parseFloat(getComputedStyle(canvas.parentElement).paddingLeft);
  const height = TOP + LINE + GAP + aus.length * STRIP + AXIS;
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = fitted(canvas, width, height);
  context.clearRect(0, 0, width, height);
  context.font = "11px system-ui, sans-serif";
  context.textBaseline = "middle";
  const plot = width - LEFT - RIGHT;
  const x = (time) => LEFT + (plot * (time - span.from)) / (span.to - span.from);
  const samples = history.samples.filter(({ time }) => time >= span.from && time <= span.to);
  grid(context, plot);
  line(context, samples, x, { face, chosen });
  strips(context, samples, x, { face, aus, chosen, plot });
  axis(context, span, x, height);
  const last = samples.at(-1)?.faces.get(face)?.intensity[chosen];
  const value = last === undefined ? "not read" : last.toFixed(1);
  canvas.setAttribute("aria-label", `${aus[chosen].label} over ${clock(span.to - span.from)} minutes; last value ${value}. The CSV file has all values.`);
}

// Returns what the plot spans: a file as a whole, of the camera the last minute.
export function spanOf(history, video, live) {
  if (!live && Number.isFinite(video.duration)) return { from: 0, to: Math.max(video.duration, 0.1) };
  const to = Math.max(history.last, (history.first || 0) + 10) || 10;
  return { from: Math.max(history.first || 0, to - LIVE_SECONDS), to };
}

const level = (value) => TOP + LINE * (1 - Math.min(Math.max(value, 0), MOST) / MOST);

function grid(context, plot) {
  const [line, dim] = ["--line", "--dim"].map(styleOf);
  for (let value = 0; value <= MOST; value += 1) {
    context.fillStyle = line;
    context.fillRect(LEFT, Math.round(level(value)), plot, 1);
    context.fillStyle = dim;
    context.textAlign = "right";
    context.fillText(String(value), LEFT - 6, level(value));
  }
}

function line(context, samples, x, { face, chosen }) {
  const runs = [];
  let before = -Infinity;
  for (const { time, faces } of samples) {
    const entry = faces.get(face);
    if (!entry) continue;
    if (time - before > GAP_SECONDS) runs.push([]);
    runs.at(-1).push({ at: x(time), value: entry.intensity[chosen], ends: entry.interval?.[chosen] });
    before = time;
  }
  context.fillStyle = context.strokeStyle = styleOf("--accent");
  context.lineWidth = 2;
  context.lineJoin = "round";
  for (const run of runs.map(thinned)) {
    band(context, run);
    context.beginPath();
    run.forEach(({ at, value }) => context.lineTo(at, level(value)));
    if (run.length > 1) context.stroke();
    else context.fillRect(run[0].at - 1.5, level(run[0].value) - 1.5, 3, 3);
  }
}

// Returns of each column of px the least and the largest value: a long video has hundreds of samples in one.
function thinned(run) {
  const kept = [];
  for (let from = 0, to; from < run.length; from = to) {
    for (to = from + 1; to < run.length && Math.floor(run[to].at) === Math.floor(run[from].at);) to += 1;
    const column = run.slice(from, to);
    const ends = [Math.min, Math.max].map((most) => column.findIndex(({ value }) => value === most(...column.map((point) => point.value))));
    kept.push(...[...new Set(ends)].sort((one, other) => one - other).map((n) => column[n]));
  }
  return kept;
}

// Returns the strips of a face: {at, wide} in whole px, or seams show, and levels, the largest intensity of each AU there.
export function columnsOf(samples, x, face) {
  const columns = [];
  for (const { time, faces } of samples) {
    const at = Math.floor(x(time));
    const levels = faces.get(face)?.intensity;
    const last = columns.at(-1);
    if (last?.at === at) {
      if (levels) Object.assign(last, { time, levels: last.levels ? last.levels.map((level, i) => Math.max(level, levels[i])) : levels });
    } else columns.push({ at, time, levels });
  }
  columns.forEach((column, n) => {
    const next = columns[n + 1]?.at ?? column.at;
    column.wide = Math.max(1, Math.min(next, Math.floor(x(column.time + GAP_SECONDS))) - column.at);
  });
  return columns.filter(({ levels }) => levels);
}

function band(context, run) {
  if (!run.every(({ ends }) => ends)) return;
  context.globalAlpha = 0.15;
  context.beginPath();
  run.forEach(({ at, ends }) => context.lineTo(at, level(ends[1])));
  [...run].reverse().forEach(({ at, ends }) => context.lineTo(at, level(ends[0])));
  context.fill();
  context.globalAlpha = 1;
}

function strips(context, samples, x, { face, aus, chosen, plot }) {
  const top = TOP + LINE + GAP;
  const [ink, dim, track, accent] = ["--ink", "--dim", "--track", "--accent"].map(styleOf);
  aus.forEach((au, i) => {
    context.fillStyle = i === chosen ? ink : dim;
    context.textAlign = "right";
    context.fillText(au.label, LEFT - 6, top + (i + 0.5) * STRIP);
    context.fillStyle = track;
    context.fillRect(LEFT, top + i * STRIP + 1, plot, STRIP - 2);
  });
  context.fillStyle = accent;
  for (const { at, wide, levels } of columnsOf(samples, x, face)) {
    levels.forEach((value, i) => {
      context.globalAlpha = Math.min(Math.max(value / MOST, 0), 1);
      context.fillRect(at, top + i * STRIP + 1, wide, STRIP - 2);
    });
  }
  context.globalAlpha = 1;
}

function axis(context, span, x, height) {
  const step = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600].find((s) => (span.to - span.from) / s <= 8) ?? 7200;
  context.fillStyle = styleOf("--dim");
  for (let time = Math.ceil(span.from / step) * step; time <= span.to; time += step) {
    context.textAlign = time + step / 2 > span.to ? "right" : time === span.from ? "left" : "center";
    context.fillText(clock(time), x(time), height - AXIS / 2);
  }
}
