// Pictures and videos from files, the drop, the clipboard and the camera.
import { SourceError, cameraError } from "./messages.js";

const MOST_PIXELS = 64e6;
const FIRST_FRAME_MS = 15_000; // a camera's takes seconds, a file's less

// Returns the picture of a Blob as a canvas, upright by its EXIF orientation, on white.
export async function pictureOf(blob, name) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob);
  } catch (error) {
    throw new SourceError("noPicture", { name: name || "This file", detail: error.message });
  }
  try {
    if (bitmap.width * bitmap.height > MOST_PIXELS) throw new SourceError("tooLarge", { name });
    return onCanvas(bitmap, bitmap.width, bitmap.height);
  } finally {
    bitmap.close();
  }
}

// Returns a new canvas, or `canvas`, with a source drawn on it.
export function onCanvas(source, width, height, canvas = document.createElement("canvas")) {
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.drawImage(source, 0, 0, width, height);
  return canvas;
}

// Returns a <video> that shows a Blob, stopped at its first frame.
export async function videoOf(blob, name) {
  const video = document.createElement("video");
  Object.assign(video, { muted: true, playsInline: true, preload: "auto", src: URL.createObjectURL(blob) });
  try {
    await firstFrame(video);
    video.pause();
  } catch {
    endVideo(video);
    throw new SourceError("noPicture", { name: name || "This file" });
  }
  return video;
}

// Returns a <video> of a camera; by default of the front one.
export async function cameraVideo(deviceId = "") {
  if (!navigator.mediaDevices?.getUserMedia) throw new SourceError("cameraInsecure");
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({
      audio: false,
      video: { ...(deviceId ? { deviceId: { exact: deviceId } } : { facingMode: "user" }), width: { ideal: 640 }, height: { ideal: 480 } },
    });
  } catch (error) {
    throw cameraError(error);
  }
  const video = document.createElement("video");
  Object.assign(video, { muted: true, playsInline: true, autoplay: true, srcObject: stream });
  try {
    await firstFrame(video);
  } catch (error) {
    endVideo(video);
    throw new SourceError("cameraBusy", { detail: error.message });
  }
  return video;
}

// Returns {deviceId, label} of each camera; browsers name them once one was allowed.
export async function cameras() {
  const devices = await navigator.mediaDevices.enumerateDevices().catch(() => []);
  return devices.filter(({ kind, deviceId }) => kind === "videoinput" && deviceId);
}

// Returns the settings of the camera behind a <video>: facingMode and deviceId, where the browser tells them.
export function cameraSettings(video) {
  return video.srcObject?.getVideoTracks()[0]?.getSettings() ?? {};
}

// Frees the camera or the file.
export function endVideo(video) {
  video.pause();
  video.srcObject?.getTracks().forEach((track) => track.stop());
  if (video.src) URL.revokeObjectURL(video.src);
  video.srcObject = null;
  video.removeAttribute("src");
}

// Resolves when a frame is there. Some phones load none before `play`, which rejects where it is stopped again.
function firstFrame(video) {
  let limit;
  return new Promise((resolve, reject) => {
    limit = setTimeout(() => reject(new Error(`no picture within ${FIRST_FRAME_MS / 1000} s`)), FIRST_FRAME_MS);
    const done = () => (video.videoWidth ? resolve() : reject(new Error("it has no pictures")));
    video.onloadeddata = done;
    video.onerror = () => reject(new Error(video.error?.message ?? "it can't be decoded"));
    if (video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) done();
    else video.play().catch(() => {});
  }).finally(() => {
    clearTimeout(limit);
    video.onloadeddata = video.onerror = null;
  });
}

// Calls `take` with the files that are chosen, dropped or pasted, `onNothing` where a paste has none.
export function listen({ input, target, take, onNothing }) {
  input.onchange = () => {
    if (input.files.length) take([...input.files]);
    input.value = "";
  };
  // Leaving one element for its child also fires dragleave, so depth counts.
  let depth = 0;
  const mark = (change) => { depth = Math.max(0, depth + change); target.classList.toggle("dropping", depth > 0); };
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  window.addEventListener("dragenter", (event) => hasFiles(event) && mark(1));
  window.addEventListener("dragleave", (event) => hasFiles(event) && mark(-1));
  window.addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
  window.addEventListener("drop", (event) => {
    event.preventDefault();
    mark(-depth);
    if (event.dataTransfer.files.length) take([...event.dataTransfer.files]);
  });
  window.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length) take(files);
    else onNothing();
  });
}
