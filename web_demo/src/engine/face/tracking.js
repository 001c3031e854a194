// Faces of successive frames: where to look for them, and their ids; fau_tf/inference/tracking.py.

import { overlap } from "./detector.js";
import { bounds } from "./geometry.js";
import { largest, windows } from "./tiling.js";

const MIN_OVERLAP = 0.3; // intersection over union from which two boxes are one face
const DIVISIONS = [1, 2];
const SEARCH_EVERY = 10; // frames, while faces are tracked

/** Finds the faces of successive frames; nothing is smoothed or carried over. */
export class FaceTracker {
  #landmarker;
  #frames = 0;
  #known = null;
  #ids = new OverlapTracker();

  constructor(landmarker) {
    this.#landmarker = landmarker;
  }

  /** Return [{face, id}] of the next frame, left to right. @param most faces at most. */
  async find(picture, most) {
    const known = this.#known;
    let found = known?.length ? await this.#landmarker.follow(picture, known, most) : [];
    const more = this.#more(picture, found.length, most);
    if (more.length) {
      const added = await this.#landmarker.findFaces(picture, most, more, found);
      found = largest([...found, ...added], most);
    }
    this.#frames++;
    this.#known = found;
    const ids = this.#ids.update(found.map((face) => bounds(face.mesh)));
    return found.map((face, i) => ({ face, id: ids[i] }));
  }

  /** Return what else to search in this frame. */
  #more({ width, height }, found, most) {
    if (found >= most) return [];
    const parts = windows(width, height, DIVISIONS);
    if (this.#known === null) return parts;
    const [whole, ...quarters] = parts;
    const lost = found === 0 || found < this.#known.length;
    const turn = this.#frames % SEARCH_EVERY;
    const more = lost || turn === 0 ? [whole] : [];
    if (quarters.length && (lost || turn === SEARCH_EVERY / 2)) {
      // All nine have a turn, in nine frames in a row as in nine that are ten apart.
      more.push(quarters[this.#frames % quarters.length]);
    }
    return more;
  }
}

/** Gives each face the id of the face of the frame before that it overlaps most. */
export class OverlapTracker {
  #boxes = new Map();
  #next = 0;

  /** Return an id for each box {x0, y0, x1, y1}; new ids count up from 0. */
  update(boxes) {
    const sides = ({ x0, y0, x1, y1 }) => [x0, y0, x1, y1];
    const pairs = boxes.flatMap((box, i) =>
      [...this.#boxes].map(([id, known]) => ({ share: overlap(sides(box), sides(known)), i, id })),
    );
    pairs.sort((one, other) => other.share - one.share || one.i - other.i || one.id - other.id);
    const ids = new Map();
    for (const { share, i, id } of pairs) {
      if (share >= MIN_OVERLAP && !ids.has(i) && ![...ids.values()].includes(id)) ids.set(i, id);
    }
    boxes.forEach((_, i) => {
      if (!ids.has(i)) ids.set(i, this.#next++);
    });
    this.#boxes = new Map(boxes.map((box, i) => [ids.get(i), box]));
    return boxes.map((_, i) => ids.get(i));
  }
}
