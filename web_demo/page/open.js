// Opens sources, reads their frames and keeps the rows.
import { SENTENCES, SourceError } from "./messages.js";
import { Playback } from "./playback.js";
import { show, showPlayback } from "./show.js";
import { cameraVideo, pictureOf, videoOf } from "./sources.js";
import { at, message, noSource, page } from "./state.js";

const SAMPLE = "astronaut.png";
let reading = Promise.resolve();
let videos = 0;

// Ends what is shown and frees the camera. The sample's row goes with the sample.
export function endSource() {
  page.table.drop(SAMPLE);
  page.source.playback?.close();
  page.source = noSource();
  page.history.clear();
  setRecording(false);
  at("camera").textContent = "Use the camera";
  for (const id of ["playback", "browse", "time", "record"]) at(id).hidden = true;
}

// Says what went wrong; the page goes on.
function report(error) {
  const known = error instanceof SourceError;
  message.show(known ? error.message : SENTENCES.noRead, { detail: known ? error.detail : error.message });
}

// ---- pictures --------------------------------------------------------------------------------
// Opens pictures, or the first file if it is a video.
export async function openFiles(files) {
  if (!page.reader) return;
  message.clear();
  const [first] = files;
  if (first.type.startsWith("video/")) {
    await videoOf(first, first.name).then((video) => openVideo(video, first.name, false)).catch(report);
    return;
  }
  // A single file that is no picture leaves what is shown.
  if (files.length === 1 && !(await pictureOf(first, first.name).catch(report))) return;
  endSource();
  const mine = page.source;
  mine.files = files;
  // All are read, so that the CSV file has them; the first one is shown at the end.
  setTurnable(false);
  for (let i = 0; i < files.length && mine === page.source; i += 1) await openPicture(i);
  if (mine !== page.source) return;
  if (files.length > 1) await openPicture(0);
  setTurnable(true);
}

async function openPicture(index) {
  const mine = page.source;
  const file = mine.files[index];
  Object.assign(mine, { index, name: file.name, shown: null });
  at("browse").hidden = mine.files.length < 2;
  at("place").textContent = `${index + 1} of ${mine.files.length}: ${file.name}`;
  try {
    const frame = await pictureOf(file, file.name);
    if (mine !== page.source || mine.index !== index) return;
    await read(mine, frame, { time: 0, index });
  } catch (error) {
    report(error);
    show();
  }
}

// Shows the next picture, or the one before.
export async function turn(step) {
  const mine = page.source;
  const { files, index } = mine;
  const focused = document.activeElement;
  message.clear();
  setTurnable(false);
  await openPicture((index + step + files.length) % files.length);
  if (mine !== page.source) return;
  setTurnable(true);
  focused?.focus();
}

function setTurnable(on) {
  at("previous").disabled = at("next").disabled = !on;
}

export async function openSample() {
  try {
    const response = await fetch(`sample/${SAMPLE}`);
    if (!response.ok) throw new Error(`${SAMPLE}: ${response.status}`);
    await openFiles([new File([await response.blob()], SAMPLE, { type: "image/png" })]);
  } catch (error) {
    report(new SourceError("noSample", { detail: error.message }));
  }
}

// ---- videos ----------------------------------------------------------------------------------
async function openVideo(video, name, live) {
  endSource();
  const mine = page.source;
  Object.assign(mine, { name, live, mirrored: at("mirror").checked, began: performance.now() });
  mine.playback = new Playback(video, {
    live,
    read: (frame, time) => read(mine, frame, { time: live ? (performance.now() - mine.began) / 1000 : time }),
    onEnd: () => (live ? closeCamera("cameraEnded") : showPlayback()),
  });
  mine.playback.slow = at("slow").checked;
  for (const id of ["playback", "time", "record"]) at(id).hidden = false;
  at("seek").hidden = at("slow").parentElement.hidden = live;
  if (live) at("camera").textContent = "Stop the camera";
  await mine.playback.play();
  showPlayback();
}

// Opens the camera, or closes it if it is open.
export async function openCamera() {
  message.clear();
  if (page.source.live) return closeCamera();
  return cameraVideo().then((video) => openVideo(video, "webcam", true)).catch(report);
}

// What was read last stays on the page.
function closeCamera(key) {
  page.source.playback?.close();
  page.source.live = false;
  setRecording(false);
  at("camera").textContent = "Use the camera";
  at("playback").hidden = at("record").hidden = true;
  if (key) message.show(SENTENCES[key]);
}

// ---- reading ---------------------------------------------------------------------------------
// Reads a frame of a source, after the one before, and shows it, unless the page has gone on since.
// Time in s, 0 for a picture; index: of the picture.
function read(mine, frame, place) {
  reading = reading.then(() => readNow(mine, frame, place));
  return reading;
}

async function readNow(mine, frame, { time, index = 0 }) {
  const gone = () => mine !== page.source || mine.index !== index;
  if (gone()) return;
  const isVideo = mine.playback !== null;
  const mode = isVideo ? "video" : "image";
  // A step back in time tells the reader that another video begins.
  const timestampMs = mine.frames ? time * 1000 : -(++videos);
  let result;
  try {
    result = await page.reader.read(frame, { mode, timestampMs, heatmaps: true });
  } catch (error) {
    mine.playback?.pause();
    if (!gone()) report(error);
    return;
  }
  if (gone()) return;
  const { faces } = result;
  mine.frames += 1;
  mine.shown = { frame, faces, time, milliseconds: result.milliseconds };
  if (!faces.some((face) => face.id === mine.chosen)) mine.chosen = faces[0]?.id ?? mine.chosen;
  if (isVideo) page.history.add(time, faces);
  keep(mine, faces, time);
  if (!isVideo && !faces.length) message.show(SENTENCES.noFace);
  show();
}

function keep(mine, faces, timestamp) {
  const isVideo = mine.playback !== null;
  if (isVideo ? !page.recording : mine.counted.has(mine.index)) return;
  if (page.table.full) {
    setRecording(false);
    message.show(SENTENCES.full);
    return;
  }
  mine.counted.add(mine.index);
  mine.row = isVideo ? mine.row + 1 : 1;
  page.table.add({ number: mine.row, timestamp, source: mine.name, faces, reason: "no face found" });
}

export function setRecording(on) {
  page.recording = on;
  at("record").setAttribute("aria-pressed", String(on));
  at("record").textContent = on ? "Stop recording" : "Record";
}
