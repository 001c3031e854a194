// Line drawings of a face in which one AU acts: what moves is in the accent color, with an arrow.
// Coordinates are those of a 64 x 64 box.
const REST = {
  brows: ["M14 22q6-4 12-1", "M50 22q-6-4-12-1"],
  eyes: ["M15 29q5-4.500 10 0q-5 3.500-10 0", "M49 29q-5-4.500-10 0q5 3.500 10 0"],
  pupils: ["M20 28.200v.6", "M44 28.200v.6"],
  nose: ["M32 27v10q-3 1.500-4 0M32 37q3 1.500 4 0"],
  mouth: ["M24 47q8 2 16 0"],
};

// Number -> parts that differ from rest, then marks (arrows, folds) that are drawn on top.
const ACTING = {
  1: { brows: ["M14 22q6-2 12-5", "M50 22q-6-2-12-5"], marks: [up(26, 14), up(38, 14)] },
  2: { brows: ["M14 17q5-3 12 4", "M50 17q-5-3-12 4"], marks: [up(14, 14), up(50, 14)] },
  4: { brows: ["M14 21q7 0 13 4", "M50 21q-7 0-13 4"], marks: [down(25, 14), down(39, 14), "M31 18v4M33.500 18v4"] },
  5: {
    eyes: ["M15 29q5-8.500 10 0q-5 3.500-10 0", "M49 29q-5-8.500-10 0q5 3.500 10 0"],
    brows: ["M14 19q6-4 12-1", "M50 19q-6-4-12-1"], rest: ["brows"],
    marks: [],
  },
  6: {
    eyes: ["M15 29q5-4 10 0q-5 1-10 0", "M49 29q-5-4-10 0q5 1 10 0"],
    marks: [up(18, 46), up(46, 46), "M12 37q6-4 13-1M52 37q-6-4-13-1"],
  },
  7: {
    eyes: ["M15 29q5-2.500 10 0q-5 1.200-10 0", "M49 29q-5-2.500-10 0q5 1.200 10 0"],
    marks: ["M16 32.500h8M40 32.500h8"],
  },
  9: { nose: ["M32 27v8q-4 2-5-1M32 35q4 2 5-1"], marks: ["M27 25l2.500 2.500M37 25l-2.500 2.500", up(23, 42), up(41, 42)] },
  10: { mouth: ["M24 47q4-5 8-4q4-1 8 4q-8 2-16 0"], marks: [up(26, 41.500), up(38, 41.500)] },
  12: { mouth: ["M21 44q11 9 22 0"], marks: [arrow(20, 44, 15, 40), arrow(44, 44, 49, 40)] },
  14: { mouth: ["M25 47q7 1.500 14 0"], marks: ["M22 44.500q-2 2.500 0 5M42 44.500q2 2.500 0 5", arrow(14, 47, 19, 47), arrow(50, 47, 45, 47)] },
  15: { mouth: ["M23 50q9-6 18 0"], marks: [down(21, 50), down(43, 50)] },
  17: { mouth: ["M24 47q8-4 16 0"], marks: [up(32, 58), "M26 53q6-4 12 0"] },
  20: { mouth: ["M20 47q12 1 24 0"], marks: [arrow(18, 47, 12, 47), arrow(46, 47, 52, 47)] },
  23: { mouth: ["M27 46.200h10M27 48h10"], marks: [arrow(18, 47, 23, 47), arrow(46, 47, 41, 47)] },
  25: { mouth: ["M24 46q8-3 16 0q-8 6-16 0"], marks: [] },
  26: { mouth: ["M25 46q7-3 14 0q0 9-7 9q-7 0-7-9"], marks: [down(20, 51), down(44, 51)] },
  45: { eyes: ["M15 29q5 4 10 0", "M49 29q-5 4-10 0"], pupils: [], marks: ["M16 33l-1 2M20 34v2M24 33l1 2M48 33l1 2M44 34v2M40 33l-1 2"] },
};

const SVG = "http://www.w3.org/2000/svg";

function arrow(x0, y0, x1, y1) {
  const length = Math.hypot(x1 - x0, y1 - y0);
  const [ux, uy] = [(x1 - x0) / length, (y1 - y0) / length];
  const wing = (turn) => `M${x1} ${y1}l${(-2.4 * ux - turn * 2 * uy).toFixed(2)} ${(-2.4 * uy + turn * 2 * ux).toFixed(2)}`;
  return `M${x0} ${y0}L${x1} ${y1}${wing(1)}${wing(-1)}`;
}

function up(x, y) {
  return arrow(x, y, x, y - 6);
}

function down(x, y) {
  return arrow(x, y, x, y + 6);
}

// Returns an <svg> of a face; one at rest for an AU without a drawing.
export function icon(number) {
  const acting = ACTING[number] ?? { marks: [] };
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "4 2 56 62");
  svg.setAttribute("aria-hidden", "true");
  svg.append(path("M32 5c-14 0-21 9-21 24c0 19 10 32 21 32s21-13 21-32c0-15-7-24-21-24", "face"));
  for (const [part, lines] of Object.entries(REST)) {
    const moved = acting[part] && !acting.rest?.includes(part);
    for (const line of acting[part] ?? lines) svg.append(path(line, moved ? "acting" : "rest"));
  }
  for (const line of acting.marks) svg.append(path(line, "acting mark"));
  return svg;
}

function path(line, kind) {
  const drawn = document.createElementNS(SVG, "path");
  drawn.setAttribute("d", line);
  drawn.setAttribute("class", kind);
  return drawn;
}
