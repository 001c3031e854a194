// The neutral face, and the faces from which it may be subtracted.

// Returns where a face was read, of a source: the video and its pass, or the picture.
export function originOf({ number, pass, index, playback }) {
  return { source: `${number}/${pass}`, index, video: playback !== null };
}

// Returns whether a neutral was taken from this very face or, between pictures, may have been: the page knows
// no people, so its note says whose the neutral is. Other faces of a video or of the same picture are other people's.
export function fits(neutral, origin, id) {
  const { origin: taken, id: whose } = neutral;
  const here = taken.source === origin.source && taken.index === origin.index;
  if (taken.video || origin.video) return here && whose === id;
  return !here || whose === id;
}

// Returns an intensity above the neutral one, 0 to 5; NaN stays NaN.
export function aboveNeutral(value, neutral) {
  return Math.min(Math.max(value - neutral, 0), 5);
}

// Returns a sentence on whose neutral it is.
export function neutralNote({ name, origin, id }) {
  const left = "“Above neutral” is what is left after subtracting it";
  return origin.video ? `Neutral: ${name}, face ${id}. ${left}; other faces have a dash.` : `Neutral: taken from ${name}; use it for this person only. ${left}.`;
}
