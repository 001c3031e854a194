// A bar for each AU: intensity with its interval, beside it the intensity above neutral, or left and right.
import { icon } from "./draw/au_icons.js";
import { words } from "./au_words.js";
import { element, figure } from "./elements.js";
import { aboveNeutral } from "./neutral.js";

const MOST = 5;

export class Bars {
  // Args: list: the <ul>; columns: element of the headings above the tracks; aus: reader.info.aus;
  // onSelect: called with the index of an AU, or null.
  constructor(list, columns, aus, onSelect) {
    this.list = list;
    this.columns = columns;
    this.aus = aus;
    this.onSelect = onSelect;
    this.selected = null;
    this.rows = aus.map((au, index) => this.row(au, index));
    list.replaceChildren(...this.rows.map(({ item }) => item));
    list.onkeydown = (event) => this.move(event);
    this.rows[0].button.tabIndex = 0;
  }

  row(au, index) {
    const tracks = [track(), track()];
    const values = [element("span", "value"), element("span", "value")];
    const spoken = element("span", "hidden-text");
    const name = element("span", "name", element("b", "", au.label, au.lowReliability ? "*" : ""), element("span", "", au.name));
    const measures = [0, 1].map((i) => element("span", "measure", tracks[i].track, values[i]));
    const button = element("button", "au", icon(au.number), name, element("span", "measures", ...measures), spoken);
    button.type = "button";
    button.tabIndex = -1;
    button.setAttribute("aria-expanded", "false");
    button.onclick = () => this.select(this.selected === index ? null : index);
    button.onfocus = () => this.rows.forEach((row) => { row.button.tabIndex = row.button === button ? 0 : -1; });
    const facts = element("p", "facts");
    const detail = element("div", "detail", icon(au.number), element("div", "", element("p", "", words(au)), facts));
    detail.hidden = true;
    const item = element("li", au.lowReliability ? "low" : "", button, detail);
    return { item, button, tracks, measures, values, spoken, detail, facts };
  }

  // Selects an AU by its index, or none.
  select(index) {
    this.selected = index;
    this.rows.forEach(({ item, button, detail }, i) => {
      button.setAttribute("aria-expanded", String(i === index));
      item.classList.toggle("selected", i === index);
      detail.hidden = i !== index;
    });
    this.onSelect(index);
  }

  // Arrow keys, Home and End move between the rows: one stop for the tabulator.
  move(event) {
    const at = this.rows.findIndex(({ button }) => button === document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: this.rows.length - 1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    this.rows[Math.min(Math.max(to, 0), this.rows.length - 1)].button.focus();
  }

  // Shows a face, or dashes if it is null or was not read.
  // Args: view: "whole" or "sides"; neutral: {intensity} or null; own: whether it is this face's; mirrored: whether the picture is shown mirrored.
  update(face, { view, neutral, own, mirrored }) {
    const sides = view === "sides";
    this.list.className = `bars ${sides ? "sides" : neutral ? "compared" : "single"}`;
    const headings = sides ? ["left of the screen", "right of the screen"] : neutral ? ["raw", "above neutral"] : [];
    if (this.columns.dataset.of !== headings.join()) {
      this.columns.dataset.of = headings.join();
      this.columns.className = `columns ${sides ? "sides" : "compared"}`;
      this.columns.replaceChildren(element("div", "measures", ...headings.map((words) => element("span", "", words))));
      this.columns.hidden = !headings.length;
    }
    this.rows.forEach((row, i) => {
      if (sides) this.showSides(row, face, i, mirrored);
      else this.showWhole(row, face, i, neutral, own);
    });
  }

  showWhole(row, face, i, neutral, own) {
    const value = face ? face.intensity[i] : NaN;
    const interval = face?.interval?.[i] ?? null;
    const net = neutral && own ? aboveNeutral(value, neutral.intensity[i]) : NaN;
    row.measures[1].hidden = !neutral;
    fill(row.tracks[0], value, interval);
    fill(row.tracks[1], net, null);
    row.values[0].textContent = figure(value);
    row.values[1].textContent = figure(net);
    const said = Number.isNaN(value) ? "not read" : `intensity ${figure(value)}`;
    const between = readInterval(interval);
    const more = neutral && Number.isFinite(net) ? `, ${figure(net)} above neutral` : "";
    this.tell(row, i, `${said}${between && `, ${between}`}${more}`);
  }

  showSides(row, face, i, mirrored) {
    const [one, other] = mirrored ? ["right", "left"] : ["left", "right"];
    const [left, right] = [one, other].map((side) => face?.[side]?.[i] ?? NaN);
    const unread = Number.isNaN(left) && Number.isNaN(right);
    const sideless = unread && face && !face.reason;
    row.measures[1].hidden = false;
    fill(row.tracks[0], left, null);
    fill(row.tracks[1], right, null);
    row.values[0].textContent = sideless ? "no sides" : figure(left);
    row.values[1].textContent = sideless ? "" : figure(right);
    const both = unread ? "not read" : `left of the screen ${figure(left)}, right of the screen ${figure(right)}`;
    this.tell(row, i, sideless ? "has no sides" : both);
  }

  tell(row, i, said) {
    const low = this.aus[i].lowReliability ? "low reliability" : "";
    row.spoken.textContent = [said, low].filter(Boolean).join(", ");
    if (i !== this.selected) return;
    const note = low && "low reliability: don't rely on this AU";
    row.facts.textContent = `${[said, note].filter(Boolean).join("; ")}.`.replace(/^./, (first) => first.toUpperCase());
  }
}

function readInterval(interval) {
  return interval && interval.every(Number.isFinite) ? `90 % interval ${interval.map(figure).join(" to ")}` : "";
}

function track() {
  const parts = { fill: element("span", "fill"), whisker: element("span", "whisker") };
  parts.track = element("span", "track", parts.fill, parts.whisker);
  parts.track.setAttribute("aria-hidden", "true");
  return parts;
}

function fill(parts, value, interval) {
  const known = Number.isFinite(value);
  parts.track.classList.toggle("unread", !known);
  parts.fill.style.setProperty("--to", String(known ? Math.min(Math.max(value / MOST, 0), 1) : 0));
  const shown = known && interval && interval.every(Number.isFinite);
  parts.whisker.hidden = !shown;
  if (!shown) return;
  const [low, high] = interval.map((end) => Math.min(Math.max(end / MOST, 0), 1));
  parts.whisker.style.setProperty("--low", String(low));
  parts.whisker.style.setProperty("--high", String(high));
}
