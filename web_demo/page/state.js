// What the page knows: the reader, the choices, and the source that is shown.
import { Table } from "./csv.js";
import { History } from "./history.js";
import { MessageBox } from "./messages.js";

export const at = (id) => document.getElementById(id);
export const message = new MessageBox(at("message"));

let sources = 0;

// Attributes: selected: index of an AU or null; heat: off, one or all; view: whole or sides;
// neutral: {name, intensity, origin, id of the face}, or null; waiting: {words, camera: whether for it}, or null: what was
// asked for and is not there yet; later: {words, camera, open}, or null: what is opened once the networks are there; counting: {seconds} left until a neutral is taken, or null.
export const page = {
  reader: null, bars: null, source: noSource(), table: new Table(), history: new History(),
  selected: null, heat: "all", view: "whole", neutral: null, recording: false, waiting: null, later: null, counting: null,
};

// Attributes: number: its own; sample: whether it is the sample; files, index, wanted (index on its way), reading (name on its way), counted (indices in the
// table): of pictures; playback, live, began (ms), pass (grows when faces get new ids), crowded (had several faces,
// at once or in turn), seen (time of the last face that was read): of videos;
// pending: frame that is not read yet, or null; shown: {frame, faces, time, milliseconds}, or null; chosen: id of the face
// whose bars are shown; row: last frame in the table; frames: how many were read.
export function noSource() {
  sources += 1;
  return {
    number: sources, sample: false, name: "", files: [], index: 0, wanted: 0, reading: "", counted: new Set(),
    playback: null, live: false, began: 0, pass: 0, crowded: false, seen: null, mirrored: false,
    pending: null, shown: null, chosen: 0, row: 0, frames: 0,
  };
}

// Returns the face whose bars are shown, or null.
export function chosenFace() {
  const { shown, chosen } = page.source;
  return shown?.faces.find((face) => face.id === chosen) ?? null;
}

// Returns what `drawPicture` needs to know of the choices.
export function drawnChoices() {
  const au = { off: undefined, one: page.selected, all: null }[page.heat];
  return { au, chosen: page.source.chosen, mirrored: page.source.mirrored };
}
