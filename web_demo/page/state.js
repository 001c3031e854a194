// What the page knows: the reader, the choices, and the source that is shown.
import { Table } from "./csv.js";
import { History } from "./history.js";
import { MessageBox } from "./messages.js";

export const at = (id) => document.getElementById(id);
export const message = new MessageBox(at("message"));

// Attributes: selected: index of an AU or null; heat: off, one or all; view: whole or sides;
// neutral: {name, intensity} or null.
export const page = {
  reader: null, bars: null, source: noSource(), table: new Table(), history: new History(),
  selected: null, heat: "all", view: "whole", neutral: null, recording: false,
};

// Attributes: files, index, counted (indices in the table): of pictures; playback, live, began (ms): of videos;
// shown: {frame, faces, time, milliseconds}, or null; chosen: id of the face whose bars are shown; row: last frame in the table;
// frames: how many were read.
export function noSource() {
  return {
    name: "", files: [], index: 0, counted: new Set(), playback: null, live: false, began: 0, mirrored: false, shown: null, chosen: 0, row: 0, frames: 0,
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
