// Reads the frames of what is open, one after the other, shows them and keeps the rows.
import { SENTENCES, SourceError } from "./messages.js";
import { originOf } from "./neutral.js";
import { show } from "./show.js";
import { at, message, page } from "./state.js";

let reading = Promise.resolve();
let videos = 0;

// Says what went wrong; the page goes on.
export function report(error) {
  const known = error instanceof SourceError;
  const noRead = page.reader?.info.accelerator === "webgpu" ? "noReadOnGpu" : "noRead";
  message.show(known ? error.message : SENTENCES[noRead], { detail: known ? error.detail : error.message });
}

// Reads a frame of a source, after the one before, and shows it, unless the page has gone on since.
// Time in s, 0 for a picture; index: of the picture.
export function read(mine, frame, place) {
  reading = reading.then(() => readNow(mine, frame, place));
  return reading;
}

async function readNow(mine, frame, { time, index = 0 }) {
  const gone = () => mine !== page.source || mine.index !== index;
  if (gone()) return;
  const isVideo = mine.playback !== null;
  // A step back in time tells the reader that another video begins.
  const timestampMs = mine.frames ? time * 1000 : -(++videos);
  try {
    const result = await page.reader.read(frame, { mode: isVideo ? "video" : "image", timestampMs, heatmaps: true });
    if (!gone()) take(mine, frame, time, result);
  } catch (error) {
    mine.playback?.pause();
    if (gone()) return;
    mine.reading = "";
    report(error);
    show(); // also that the video has stopped
  }
}

function take(mine, frame, time, { faces, milliseconds }) {
  const isVideo = mine.playback !== null;
  mine.frames += 1;
  Object.assign(mine, { pending: null, reading: "", shown: { frame, faces, time, milliseconds } });
  if (!faces.some((face) => face.id === mine.chosen)) mine.chosen = faces[0]?.id ?? mine.chosen;
  if (isVideo) follow(mine, time, faces);
  keep(mine, faces, time);
  show();
}

function follow(mine, time, faces) {
  // After a step back the reader gives ids anew: where there were several faces, at once or in turn, the same id may be
  // another person's.
  if (mine.crowded && time <= page.history.last) mine.pass += 1;
  mine.crowded ||= faces.length > 1 || faces.some(({ id }) => id > 0);
  if (mine.seen === null || faces.some((face) => !face.reason)) mine.seen = time;
  page.history.add(time, faces);
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
  page.table.add({ number: mine.row, timestamp, source: mine.name, origin: originOf(mine), faces, reason: "no face found" });
}

export function setRecording(on) {
  page.recording = on;
  at("record").setAttribute("aria-pressed", String(on));
  at("record").textContent = on ? "Stop recording" : "Record";
}
