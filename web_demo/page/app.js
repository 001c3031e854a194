// The page: loads the reader, connects the controls, and keeps everything for use without a network.
import { Bars } from "./bars.js";
import { barsText } from "./csv.js";
import { pngOf } from "./draw/export_png.js";
import { download, themeSwitch } from "./elements.js";
import { SENTENCES } from "./messages.js";
import { originOf } from "./neutral.js";
import { cancel, endSource, openCamera, openFiles, openFirst, openSample, switchCamera, turn } from "./open.js";
import { setRecording } from "./reading.js";
import { barsShown, ownNeutral, show, showInfo, showPlayback } from "./show.js";
import { listen } from "./sources.js";
import { at, chosenFace, drawnChoices, message, page } from "./state.js";

const TAKES_OVER_MS = 2000; // longest wait for the service worker before the networks are fetched without it
const COUNTDOWN = 3; // seconds
const WASM = ["litert/wasm/litert_wasm_internal.wasm", "litert/wasm/litert_wasm_compat_internal.wasm"]; // a browser loads one
const KEPT_TRIES = 10; // seconds in which the files that were loaded are written

// ---- loading ---------------------------------------------------------------------------------
let loads = 0;

// Loads the networks that are chosen, then opens the first source. A later choice wins: what was loading is closed when it comes.
async function start() {
  const mine = ++loads;
  const { dataset } = document.documentElement;
  delete dataset.ready;
  message.clear();
  stopReading();
  showProgress({ loaded: 0, total: Infinity });
  at("loading").hidden = false;
  let reader;
  try {
    reader = await newReader((progress) => mine === loads && showProgress(progress));
  } catch (error) {
    if (mine !== loads) return;
    at("loading").hidden = true;
    message.show(SENTENCES[whyNotLoaded(error)], { detail: error.message, action: { label: "Try again", run: start } });
    dataset.ready = "false";
    return;
  }
  if (mine !== loads) {
    reader.close();
    return;
  }
  at("loading").hidden = true;
  page.reader = reader;
  Object.assign(page, { selected: null, heat: "all" });
  page.bars = new Bars(at("bars"), at("columns"), page.reader.info.aus, select);
  setHeat("all");
  showInfo(page.reader.info);
  await openFirst();
  if (mine === loads) dataset.ready = "true";
}

// Ends what is shown, with its reader; what is left has dashes.
function stopReading() {
  cancel();
  endSource();
  page.neutral = null;
  page.table.clear();
  if (page.reader) show();
  page.reader?.close();
  page.reader = null;
}

async function newReader(onProgress) {
  if (typeof WebAssembly === "undefined") throw new Error("WebAssembly is missing");
  const { FauReader } = await import("../src/reader.js");
  return FauReader.load(new URL("..", import.meta.url).href, {
    accelerator: at("accelerator").value,
    variant: at("variant").value,
    onProgress,
  });
}

function whyNotLoaded(error) {
  if (typeof WebAssembly === "undefined") return "noWasm";
  return /gpu/i.test(error.message) ? "noGpu" : "noModel";
}

// Progress: {loaded, total} in bytes. After the last byte the networks are compiled and tried, which tells no progress.
function showProgress({ loaded, total }) {
  const done = loaded >= total;
  const words = done ? "Starting the networks" : "Loading the networks";
  if (at("loading-text").textContent !== words) at("loading-text").textContent = words;
  at("loading-bytes").textContent = done || !Number.isFinite(total) ? "" : `${(loaded / 1e6).toFixed(1)} of ${(total / 1e6).toFixed(1)} MB`;
  if (done) at("loading-bar").removeAttribute("value");
  else at("loading-bar").value = loaded / total;
}

// The service worker keeps what the page loads, so it takes over before the networks are fetched.
// Without one (a private window, an insecure address) the page works while there is a network.
async function keepOffline() {
  if (!navigator.serviceWorker) return;
  const taken = new Promise((resolve) => { navigator.serviceWorker.addEventListener("controllerchange", resolve, { once: true }); });
  try {
    await navigator.serviceWorker.register("sw.js");
  } catch {
    return;
  }
  // However late it comes, it is told what was loaded without it; where it can't be installed, it never is ready.
  navigator.serviceWorker.ready.then(({ active }) => {
    active.postMessage({ keep: [location.href, ...performance.getEntriesByType("resource").map((entry) => entry.name)] });
  });
  if (!navigator.serviceWorker.controller) await Promise.race([taken, pause(TAKES_OVER_MS)]);
}

const pause = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });

// Says so once page, script, wasm and model are kept: a service worker that came late has some of them only, and
// one whose storage is full or blocked none.
async function tellOffline() {
  if (!page.reader || !navigator.serviceWorker?.controller) return;
  const isKept = (name) => caches.match(new URL(`../${name}`, import.meta.url).href).catch(() => null);
  const files = ["", "page/app.js", `models/${page.reader.info.modelName}.tflite`];
  for (let wait = 0; wait < KEPT_TRIES; wait += 1) {
    const [wasms, others] = await Promise.all([WASM, files].map((names) => Promise.all(names.map(isKept))));
    if (wasms.some(Boolean) && others.every(Boolean)) {
      at("offline").textContent = "This page now works without a network.";
      return;
    }
    await pause(1000);
  }
}

// ---- choices ---------------------------------------------------------------------------------
function select(index) {
  if (!page.reader) return;
  page.selected = index;
  setHeat(index === null ? "all" : "one");
}

function setHeat(heat) {
  // One AU needs a choice: the strongest of the face that is shown.
  if (heat === "one" && page.selected === null) {
    const values = [...(chosenFace()?.intensity ?? [0])].map((value) => (Number.isFinite(value) ? value : -1));
    page.bars.select(values.indexOf(Math.max(...values)));
    return;
  }
  page.heat = heat;
  document.querySelector(`#heat input[value=${heat}]`).checked = true;
  at("heat-one").textContent = page.selected === null ? "One AU" : page.reader.info.aus[page.selected].label;
  show();
}

// Takes the neutral, before the camera after a countdown, in which a face comes to rest; a second click cancels it.
async function takeNeutral() {
  if (page.counting) endCountdown();
  else if (!page.source.live || (await countDown())) setNeutral();
}

// Returns whether it came to its end: a camera that stops ends it, too.
async function countDown() {
  const mine = { seconds: COUNTDOWN };
  page.counting = mine;
  for (; mine.seconds; mine.seconds -= 1) {
    show();
    await pause(1000);
    if (page.counting !== mine) return false;
  }
  endCountdown();
  return true;
}

function endCountdown() {
  page.counting = null;
  show();
}

// A video's neutral is the median of its last second, a picture's what was read.
function setNeutral() {
  const face = chosenFace();
  const { source } = page;
  if (!face || face.reason) {
    if (source.live) message.show(SENTENCES.noNeutral);
    return;
  }
  const { playback, name, shown } = source;
  const recent = playback && page.history.neutralOf(face.id, page.reader.info.aus.length);
  page.neutral = {
    name: playback ? `${name} at ${shown.time.toFixed(1)} s` : name,
    intensity: recent || Float32Array.from(face.intensity),
    origin: originOf(source),
    id: face.id,
  };
  show();
}

function playOrPause() {
  const { playback } = page.source;
  if (playback.playing) playback.pause();
  else playback.play().then(showPlayback);
  showPlayback();
}

// ---- files -----------------------------------------------------------------------------------
const fileName = (name, ending) => `${name.replace(/\.[^.]*$/, "") || "picture"}_au.${ending}`;

function saveCsv() {
  if (!page.reader) return;
  download(new Blob([page.table.text(page.reader.info, page.neutral)], { type: "text/csv" }), fileName(page.table.name, "csv"));
}

// Copies the bars that are shown.
async function copyBars() {
  const face = chosenFace();
  const { name } = page.source;
  if (!page.reader || !face) return;
  at("copied").textContent = ""; // the same words again are read aloud
  try {
    await navigator.clipboard.writeText(barsText(page.reader.info, face, barsShown(face)));
    at("copied").textContent = `Copied: ${name}, face ${face.id}.`;
  } catch (error) {
    message.show(SENTENCES.noCopy, { detail: error.message });
  }
}

async function savePng() {
  const { shown, name } = page.source;
  if (!shown || !page.reader) return; // another one is on its way
  const face = chosenFace();
  const { info } = page.reader;
  download(await pngOf({ ...shown, face, info, neutral: ownNeutral(face), shown: drawnChoices(), source: name }), fileName(name, "png"));
}

// ---- controls --------------------------------------------------------------------------------
function connect() {
  listen({ input: at("files"), target: document.body, take: openFiles, onNothing: () => message.show(SENTENCES.noClipboardPicture) });
  const clicks = {
    camera: openCamera,
    sample: openSample,
    previous: () => turn(-1),
    next: () => turn(1),
    play: playOrPause,
    neutral: takeNeutral,
    "no-neutral": () => { page.neutral = null; show(); at("neutral").focus(); },
    record: () => { setRecording(!page.recording); show(); },
    clear: () => { page.table.clear(); page.source.counted.clear(); show(); },
    csv: saveCsv,
    png: savePng,
    copy: copyBars,
  };
  for (const [id, act] of Object.entries(clicks)) at(id).onclick = act;
  at("seek").oninput = () => { page.source.playback.video.currentTime = Number(at("seek").value); };
  at("slow").onchange = () => { if (page.source.playback) page.source.playback.slow = at("slow").checked; };
  at("mirror").onchange = () => { page.source.mirrored = at("mirror").checked; show(); };
  at("cameras").onchange = () => page.reader && switchCamera(at("cameras").value);
  at("heat").onchange = (event) => page.reader && setHeat(event.target.value);
  at("view").onchange = (event) => { page.view = event.target.value; show(); };
  at("variant").onchange = at("accelerator").onchange = start;
  window.addEventListener("resize", show);
  themeSwitch(at("theme"), show);
}

// The address may choose: ?variant=float16&accelerator=wasm
function chooseFromAddress() {
  const wanted = new URLSearchParams(location.search);
  for (const id of ["variant", "accelerator"]) {
    const value = wanted.get(id);
    if ([...at(id).options].some((option) => option.value === value)) at(id).value = value;
  }
}

at("late").hidden = true;
chooseFromAddress();
connect();
await keepOffline();
await start();
await tellOffline();
