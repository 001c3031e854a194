// One sentence on what is wrong and one on what to do, for everything that can fail on the page.
export const SENTENCES = {
  noWasm: "This browser has no WebAssembly, which the networks run on. Use a current Firefox, Chrome, Edge or Safari, or allow WebAssembly in its settings.",
  noModel: "The networks did not load. Check your connection, then try again.",
  noSample: "The sample picture did not load. Choose a picture of your own, or reload the page.",
  noGpu: "The networks did not start on the GPU. Choose “CPU (WebAssembly)” under “Model and accelerator”.",
  noPicture: "is not a picture or video that this browser can read. Choose a JPEG, PNG, WebP or GIF picture, or an MP4 or WebM video.",
  tooLarge: "is too large to be read here. Make it smaller than 64 million pixels, then choose it again.",
  noFace: "No face found. Choose a picture in which a face is upright, uncovered and larger.",
  noRead: "This picture could not be read by the networks. Reload the page; if that does not help, use a current browser.",
  noReadOnGpu: "This picture could not be read by the networks. Choose “CPU (WebAssembly)” under “Model and accelerator”.",
  cameraRefused: "The camera was refused. Allow it for this page in the browser's address bar, then press “Use the camera” again.",
  cameraMissing: "No camera was found. Connect one and press “Use the camera” again, or choose a picture or a video.",
  cameraBusy: "The camera can't be used: another program may hold it. Close that program, then press “Use the camera” again.",
  cameraInsecure: "Browsers give the camera to secure pages only. Open this page by https, or from this computer by http://localhost.",
  cameraEnded: "The camera stopped. Check its plug and press “Use the camera” again.",
  noClipboardPicture: "There is no picture in what was pasted. Copy a picture or a file, then paste it again.",
  noNeutral: "No face was read at the end of the countdown, so no neutral was taken. Face the camera, then try again.",
  noCopy: "The browser does not let this page copy. Allow the clipboard for it, or download the CSV file.",
  full: "The table is full, so recording has stopped. Download the CSV file, then clear the rows.",
};

const CAMERA = {
  NotAllowedError: "cameraRefused",
  SecurityError: "cameraRefused",
  NotFoundError: "cameraMissing",
  OverconstrainedError: "cameraMissing",
};

const MOST_NAMES = 5;

// Returns what is to be said of a batch of pictures, "" if nothing.
// Args: count: of all pictures; faceless, undecoded: names of those without a face and of those that are none;
// leftOut: names of files that were not opened, since one is a video.
export function batchWords({ count, faceless, undecoded, leftOut }) {
  return [
    faceless.length && `No face in ${faceless.length} of ${count}: ${listed(faceless)}.`,
    undecoded.length && `${undecoded.length} of ${count} can't be read as pictures by this browser: ${listed(undecoded)}. Choose JPEG, PNG, WebP or GIF files.`,
    leftOut.length && `A video is opened alone, so ${leftOut.length} ${leftOut.length === 1 ? "file was" : "files were"} left out: ${listed(leftOut)}. Choose them again.`,
  ].filter(Boolean).join(" ");
}

function listed(names) {
  const more = names.length - MOST_NAMES;
  return more > 0 ? `${names.slice(0, MOST_NAMES).join(", ")} and ${more} more` : names.join(", ");
}

// What is wrong with a source; `key` is one of SENTENCES, `detail` the browser's own words.
export class SourceError extends Error {
  constructor(key, { name = "", detail = "" } = {}) {
    super([name, SENTENCES[key]].filter(Boolean).join(" "));
    this.key = key;
    this.detail = detail;
  }
}

// Returns the SourceError for what getUserMedia threw.
export function cameraError(error) {
  return new SourceError(CAMERA[error.name] ?? "cameraBusy", { detail: error.message });
}

// Shows one message at a time in an element with a paragraph and a button.
export class MessageBox {
  constructor(element) {
    this.element = element;
    [this.text, this.button] = element.children;
  }

  // Args: text; detail: in parentheses; action: {label, run} of the button.
  show(text, { detail = "", action = null } = {}) {
    this.text.textContent = detail ? `${text} (${detail})` : text;
    this.button.hidden = !action;
    if (action) {
      this.button.textContent = action.label;
      this.button.onclick = action.run;
    }
    this.element.hidden = false;
  }

  get shown() {
    return !this.element.hidden;
  }

  clear() {
    this.element.hidden = true;
  }
}
