// Plain words for what is seen when an AU acts, by FACS number.
const WORDS = {
  1: "The inner ends of the brows go up; the middle of the forehead may fold.",
  2: "The outer ends of the brows go up, each in an arch.",
  4: "The brows go down and together; folds appear between them.",
  5: "The upper lids go up, so that more of the eyes shows.",
  6: "The cheeks go up and narrow the eyes from below; crow's feet may appear.",
  7: "The lids tighten and narrow the eyes; the cheeks stay.",
  9: "The nose wrinkles along its sides and the upper lip follows.",
  10: "The upper lip goes up in its middle; the furrow beside the nose deepens.",
  12: "The lip corners go back and up, as in a smile.",
  14: "The lip corners tighten inward, which may make a dimple.",
  15: "The lip corners go down.",
  17: "The chin boss and the lower lip go up; the chin may wrinkle.",
  20: "The lips are stretched straight back to the sides.",
  23: "The lips tighten and look narrower.",
  25: "The lips part; the jaw may stay closed.",
  26: "The jaw drops and the teeth part.",
  45: "The lids close and open again. Here: how far the eyes are shut.",
};

// Returns a sentence on an AU; its FACS name where there is none.
export function words(au) {
  return WORDS[au.number] ?? `${au.name}.`;
}
