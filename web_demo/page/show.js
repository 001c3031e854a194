// Shows the state on the page: picture, bars, plot and words.
import { drawPicture, fitStage } from "./draw/picture.js";
import { drawPlot, spanOf } from "./draw/time_plot.js";
import { clock, element } from "./elements.js";
import { fits, neutralNote, originOf } from "./neutral.js";
import { cameraSettings, cameras } from "./sources.js";
import { at, chosenFace, drawnChoices, page } from "./state.js";

const LOST_SECONDS = 2; // without a face before the camera, until a hint is given
const HINT = "Come closer, face the camera, light from the front.";
const RUNS_ON_CPU = {
  "this variant of the model is made for the CPU": "Runs on the CPU, for which this model is made.",
  "wasm was asked for": "Runs on the CPU, as chosen.",
};
let plotDue = false;

export function show() {
  const { source, table, view } = page;
  at("camera").textContent = (page.waiting ?? page.later)?.camera ? "Cancel" : source.live ? "Stop the camera" : "Use the camera";
  if (!page.reader) {
    at("status").textContent = page.later?.words ?? "";
    return;
  }
  const face = chosenFace();
  page.bars.update(face, barsShown(face));
  showNeutral(face);
  at("csv").disabled = at("clear").disabled = !table.rows.length;
  at("png").disabled = !source.shown;
  at("copy").disabled = !face || Boolean(face.reason);
  at("rows-note").textContent = rowsNote(table.rows.length, source.playback);
  at("sides-note").hidden = view !== "sides";
  at("sides-note").textContent = `Of the screen; ${source.mirrored ? "mirrored, a person's left is on the left" : "unmirrored, a person's right is on the left"}. Differences below about 0.3 mean nothing.`;
  showFaces(source);
  showPicture(source, face);
  showPlayback();
  if (source.playback) requestPlot();
}

// Returns what the bars of a face show besides it.
export function barsShown(face) {
  const { view, neutral, source } = page;
  return { view, neutral, own: ownNeutral(face) !== null, mirrored: source.mirrored };
}

// While it counts the button cancels, with or without a face.
function showNeutral(face) {
  const { counting, neutral } = page;
  const words = counting ? `Look neutral: ${counting.seconds}` : "This is my neutral";
  at("neutral").disabled = !counting && (!face || Boolean(face.reason));
  if (at("neutral").textContent !== words) at("neutral").textContent = words; // each change is read aloud
  at("neutral-row").hidden = !neutral;
  if (neutral) at("neutral-note").textContent = neutralNote(neutral);
}

function rowsNote(count, playback) {
  const rows = `${count} ${count === 1 ? "row" : "rows"} in the table.`;
  if (!playback) return `${rows} Each picture is added when it is read.`;
  if (at("record").hidden) return rows; // the camera has stopped
  return page.recording ? `${rows} Recording.` : `${rows} “Record” keeps a row for each face of each frame that is read.`;
}

// Returns the neutral if it is that of a face, or null.
export function ownNeutral(face) {
  const { neutral, source } = page;
  return neutral && face && fits(neutral, originOf(source), face.id) ? neutral : null;
}

function showPicture(source, face) {
  const { pending, shown } = source;
  const canvas = at("picture");
  const context = canvas.getContext("2d");
  const frame = shown?.frame ?? pending;
  if (frame) drawPicture(context, frame, shown?.faces ?? [], { ...drawnChoices(), zoom: fitStage(canvas, at("frame"), frame) });
  else context.clearRect(0, 0, canvas.width, canvas.height);
  const words = shown ? statusOf(face, shown) : pending ? readingWords(source) : "";
  canvas.setAttribute("aria-label", frame ? `${source.name}: ${words}` : "No picture");
  showStatus(page.waiting?.words ?? (source.reading ? readingWords(source) : words), source);
}

const readingWords = ({ reading }) => (reading ? `Reading ${reading}…` : "Not read.");

function showStatus(words, { shown, playback, reading }) {
  const status = at("status");
  const face = chosenFace();
  status.classList.toggle("bad", Boolean(shown) && !page.waiting && !reading && (!face || Boolean(face.reason)));
  // The words of a video change all the time: they are not read aloud.
  status.setAttribute("aria-live", playback && !page.waiting ? "off" : "polite");
  if (status.textContent !== words) status.textContent = words;
}

function statusOf(face, { faces, milliseconds }) {
  const took = `${hint(page.source, face)}${tookWords(milliseconds)}`;
  if (!face) return `No face found, so there are no intensities. ${took}`;
  const which = faces.length > 1 ? `Face ${face.id}, one of ${faces.length}` : "One face";
  if (face.reason) return `${which}: not read, ${face.reason}. ${took}`;
  const flags = face.flags.length ? ` Read with care: ${face.flags.join(", ")}.` : "";
  return `${which}, quality ${face.score.toFixed(2)}.${flags} ${took}`;
}

// Returns what helps if the camera sees no face for a while; it is read aloud once.
function hint({ live, shown, seen }, face) {
  if (!live || (face && !face.reason) || shown.time - seen < LOST_SECONDS) return "";
  if (!at("hint").textContent) at("hint").textContent = HINT;
  return `${HINT} `;
}

function tookWords(milliseconds) {
  const { rate } = page.history;
  const total = Object.values(milliseconds).reduce((sum, part) => sum + part, 0);
  return `${Math.round(total)} ms${page.source.playback && Number.isFinite(rate) ? `, ${rate.toFixed(1)} frames a second` : ""}.`;
}

function showFaces(source) {
  const faces = source.shown?.faces ?? [];
  const box = at("faces");
  box.hidden = faces.length < 2;
  const key = faces.map((face) => face.id).join();
  if (box.dataset.of !== key) {
    box.dataset.of = key;
    box.replaceChildren(box.firstElementChild, ...faces.map(({ id }) => faceChoice(id)));
  }
  for (const input of box.querySelectorAll("input")) input.checked = Number(input.value) === source.chosen;
}

function faceChoice(id) {
  const input = element("input");
  Object.assign(input, { type: "radio", name: "face", value: id });
  input.onchange = () => { page.source.chosen = id; show(); };
  return element("label", "", input, element("span", "", String(id)));
}

// Offers the cameras of this device, if there are several.
export async function showCameras(video) {
  const found = await cameras();
  const { deviceId } = cameraSettings(video);
  if (page.source.playback?.video !== video || !page.source.live) return;
  at("cameras").hidden = found.length < 2;
  at("cameras").replaceChildren(...found.map((camera, i) => new Option(camera.label || `Camera ${i + 1}`, camera.deviceId, false, camera.deviceId === deviceId)));
}

// Shows whether a video plays, and where.
export function showPlayback() {
  const { playback, live, began } = page.source;
  if (!playback) return;
  const { video } = playback;
  at("play").textContent = playback.playing ? "Pause" : "Play";
  at("clock").textContent = live ? clock((performance.now() - began) / 1000) : [video.currentTime, video.duration].filter(Number.isFinite).map(clock).join(" / ");
  if (live) return;
  at("seek").hidden = !Number.isFinite(video.duration); // of a recording without an index
  at("seek").max = Number.isFinite(video.duration) ? video.duration : 0;
  at("seek").value = video.currentTime;
  at("seek").setAttribute("aria-valuetext", at("clock").textContent);
}

// The plot is drawn at most once for each refresh of the screen.
function requestPlot() {
  if (plotDue) return;
  plotDue = true;
  requestAnimationFrame(() => {
    plotDue = false;
    const { playback, live, chosen } = page.source;
    if (!playback || !page.reader) return;
    const { aus } = page.reader.info;
    const line = page.selected ?? strongest(aus.length);
    at("time-note").textContent = `${aus[line].label} ${aus[line].name} as a line with its interval, all AUs as strips`;
    drawPlot(at("plot"), page.history, { aus, chosen: line, face: chosen, span: spanOf(page.history, playback.video, live) });
  });
}

// Returns the index of the AU with the highest mean intensity so far.
function strongest(count) {
  const sums = new Float64Array(count);
  for (const { faces } of page.history.samples) faces.get(page.source.chosen)?.intensity.forEach((value, i) => { sums[i] += value; });
  return sums.indexOf(Math.max(...sums));
}

// Shows what the reader is and runs on.
export function showInfo(info) {
  const runs = info.accelerator === "webgpu" ? "the GPU (WebGPU)" : "the CPU (WebAssembly)";
  at("engine").textContent = RUNS_ON_CPU[info.whyNot] ?? `Runs on ${runs}${info.whyNot ? `; not on the GPU: ${info.whyNot}` : ""}.`;
  at("model-note").textContent = `${info.modelName}, version ${info.version}: ${info.aus.length} AUs. A change loads the networks again, closes what is open, forgets the neutral and clears the rows.`;
  const low = info.aus.some((au) => au.lowReliability);
  at("legend").replaceChildren(
    element("span", "", element("i", "sample-whisker"), "90 % prediction interval"),
    ...(low ? [element("span", "", element("i", "sample-low"), "* low reliability: don't rely on it")] : []),
    element("span", "", "Choose an AU to see what it is and its heatmap."),
  );
}
