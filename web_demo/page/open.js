// Opens pictures, videos and the camera.
import { barsBelow } from "./draw/picture.js";
import { SENTENCES, SourceError, batchWords } from "./messages.js";
import { originOf } from "./neutral.js";
import { Playback } from "./playback.js";
import { read, report, setRecording } from "./reading.js";
import { show, showCameras, showPlayback } from "./show.js";
import { cameraSettings, cameraVideo, endVideo, pictureOf, videoOf } from "./sources.js";
import { at, message, noSource, page } from "./state.js";

const SAMPLE = "astronaut.png";
const isVideo = (file) => file.type.startsWith("video/");
let requests = 0;
let sessions = 0; // of cameras, which the CSV file tells apart by their names

// ---- requests --------------------------------------------------------------------------------
// Begins a request and returns a function that tells whether it is the last one: what comes late for an earlier one is dropped.
function request(words, camera = false) {
  requests += 1;
  const mine = requests;
  message.clear();
  page.waiting = { words, camera };
  show();
  return () => mine === requests;
}

// Drops what was asked for and is not there yet.
export function cancel() {
  requests += 1;
  page.waiting = null;
  show();
}

// Ends a request that failed; what is shown stays.
function fail(error, current) {
  if (!current()) return;
  cancel();
  report(error);
}

// Ends what is shown and frees the camera. The sample's row goes with the sample, a video's neutral with the video.
export function endSource() {
  if (page.source.sample) page.table.drop(originOf(page.source));
  page.source.playback?.close();
  page.source = noSource();
  page.waiting = page.counting = null;
  message.clear(); // what was said of the one before, while this one was on its way
  if (page.neutral?.origin.video) page.neutral = null;
  page.history.clear();
  setRecording(false);
  for (const id of ["playback", "browse", "time", "record", "cameras"]) at(id).hidden = true;
  at("hint").textContent = at("copied").textContent = "";
}

// Keeps what is asked for while the networks load, instead of what was asked for before.
function openLater(words, open, camera = false) {
  page.later = { words: `${words} when the networks are ready.`, open, camera };
  show();
}

function cancelLater() {
  page.later = null;
  show();
}

// Opens what was asked for while the networks loaded, or the sample.
export function openFirst() {
  const open = page.later?.open ?? openSample;
  page.later = null;
  return open();
}

// ---- files -----------------------------------------------------------------------------------
// Opens the pictures, or the first file if it is a video.
export async function openFiles(files) {
  const [first] = files;
  if (!page.reader) return openLater(`${first.name} opens`, () => openFiles(files));
  const current = request(`Opening ${first.name}…`);
  const chosen = isVideo(first) ? [first] : files.filter((file) => !isVideo(file));
  const leftOut = files.filter((file) => !chosen.includes(file)).map(({ name }) => name);
  if (isVideo(first)) await openVideoFile(first, leftOut, current);
  else await openPictures(chosen, leftOut, current);
}

async function openPictures(files, leftOut, current, sample = false) {
  let decoded = null;
  // A single file that is no picture leaves what is shown.
  if (files.length === 1) {
    decoded = await pictureOf(files[0], files[0].name).catch((error) => fail(error, current));
    if (!decoded) return;
  }
  if (!current()) return;
  endSource();
  const mine = page.source;
  Object.assign(mine, { files, sample });
  // All are read, so that the CSV file has them; the first one is shown at the end.
  setTurnable(false);
  const [faceless, undecoded] = [[], []];
  for (let i = 0; i < files.length && mine === page.source; i += 1) {
    const error = await openPicture(i, decoded);
    if (error) undecoded.push(files[i].name);
    else if (mine.shown && !mine.shown.faces.length) faceless.push(files[i].name);
  }
  if (mine !== page.source) return;
  if (files.length > 1) await openPicture(0);
  if (mine !== page.source) return;
  setTurnable(true);
  if (message.shown) return;
  const alone = files.length === 1 && faceless.length > 0;
  const words = batchWords({ count: files.length, faceless: alone ? [] : faceless, undecoded, leftOut });
  if (alone || words) message.show([alone && SENTENCES.noFace, words].filter(Boolean).join(" "));
}

// Opens one of the pictures; returns why it can't be decoded, or null.
async function openPicture(index, decoded = null) {
  const mine = page.source;
  const file = mine.files[index];
  Object.assign(mine, { wanted: index, reading: file.name });
  show(); // the one before stays until this one is decoded
  let [frame, failure] = [decoded, null];
  try {
    frame ??= await pictureOf(file, file.name);
  } catch (error) {
    failure = error;
  }
  if (mine !== page.source || mine.wanted !== index) return null;
  Object.assign(mine, { index, name: file.name, pending: frame, shown: null, chosen: 0 });
  at("browse").hidden = mine.files.length < 2;
  at("place").textContent = `${index + 1} of ${mine.files.length}: ${file.name}`;
  if (failure) mine.reading = "";
  show();
  if (!failure) await read(mine, frame, { time: 0, index });
  return failure;
}

// Shows the next picture, or the one before.
export async function turn(step) {
  const mine = page.source;
  const { files, index } = mine;
  const focused = document.activeElement;
  message.clear();
  setTurnable(false);
  const failure = await openPicture((index + step + files.length) % files.length);
  if (mine !== page.source) return;
  if (failure) report(failure);
  setTurnable(true);
  focused?.focus();
}

function setTurnable(on) {
  at("previous").disabled = at("next").disabled = !on;
}

export async function openSample() {
  if (!page.reader) return openLater("The sample picture opens", openSample);
  const current = request("Opening the sample picture…");
  try {
    const response = await fetch(`sample/${SAMPLE}`);
    if (!response.ok) throw new Error(`${SAMPLE}: ${response.status}`);
    const file = new File([await response.blob()], SAMPLE, { type: "image/png" });
    if (current()) await openPictures([file], [], current, true);
  } catch (error) {
    fail(new SourceError("noSample", { detail: error.message }), current);
  }
}

// ---- videos ----------------------------------------------------------------------------------
async function openVideoFile(file, leftOut, current) {
  const words = batchWords({ count: 1, faceless: [], undecoded: [], leftOut });
  await openVideo(videoOf(file, file.name), file.name, { live: false, current });
  if (words && current()) message.show(words);
}

// Opens the camera, or closes it if it is open; while it starts, the same button cancels.
export async function openCamera() {
  if (!page.reader) return page.later?.camera ? cancelLater() : openLater("The camera starts", openCamera, true);
  if (page.waiting?.camera) return cancel();
  message.clear();
  if (page.source.live) return closeCamera();
  return startCamera();
}

// Opens another camera. Phones can't open it before the first one is free.
export async function switchCamera(deviceId) {
  closeCamera();
  await startCamera(deviceId);
  // The choice was hidden while the camera started, and so lost the focus.
  if (document.activeElement === document.body) at("cameras").focus({ preventScroll: true });
}

function startCamera(deviceId = "") {
  const current = request("Starting the camera; allow it if the browser asks.", true);
  return openVideo(cameraVideo(deviceId), "webcam", { live: true, current });
}

// Shows a <video> when it is there, unless something else was asked for since.
async function openVideo(coming, name, { live, current }) {
  let video;
  try {
    video = await coming;
  } catch (error) {
    return fail(error, current);
  }
  if (!current()) return endVideo(video);
  endSource();
  page.neutral = null;
  const mine = page.source;
  // People expect a mirror of a camera that looks at them. Cameras of computers don't tell where they look.
  at("mirror").checked = live && cameraSettings(video).facingMode !== "environment";
  if (live) sessions += 1;
  Object.assign(mine, { name: live && sessions > 1 ? `${name} ${sessions}` : name, live, mirrored: at("mirror").checked, began: performance.now() });
  mine.playback = new Playback(video, {
    live,
    read: (frame, time) => read(mine, frame, { time: live ? (performance.now() - mine.began) / 1000 : time }),
    onEnd: () => (live ? closeCamera("cameraEnded") : showPlayback()),
  });
  mine.playback.slow = at("slow").checked;
  for (const id of ["playback", "time", "record"]) at(id).hidden = false;
  at("seek").hidden = at("slow").parentElement.hidden = live;
  show();
  const listed = live && showCameras(video);
  if (live) at("frame").scrollIntoView({ block: barsBelow.matches ? "start" : "nearest" });
  await mine.playback.play();
  showPlayback();
  await listed;
}

// What was read last stays on the page.
function closeCamera(key) {
  page.source.playback?.close();
  page.source.live = false;
  page.counting = null;
  setRecording(false);
  at("playback").hidden = at("record").hidden = true;
  if (key) message.show(SENTENCES[key]);
  show();
}
