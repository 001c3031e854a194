// Runs inside the page: both sides of speed.mjs.
import { FauReader } from "/src/reader.js";

const MEDIAPIPE = "/project/web_demo/node_modules/@mediapipe/tasks-vision/";

/** Load both sides; `read(i)` reads frame i, and throws unless it finds one face. */
export async function prepare(variant) {
  const reader = await FauReader.load(undefined, { accelerator: "wasm", variant });
  const landmarker = await mediapipe();
  const draw = await clip();
  window.sides = {
    reader: async (i) => {
      const { faces, milliseconds } = await reader.read(draw(i), { mode: "video", timestampMs: 40 * i, maxFaces: 1 });
      if (faces.length !== 1 || faces[0].reason) throw new Error(`frame ${i}: ${faces[0]?.reason ?? "no face"}`);
      return milliseconds;
    },
    mediapipe: async (i) => {
      const { faceBlendshapes } = landmarker.detectForVideo(draw(i), 40 * i + 1);
      if (faceBlendshapes.length !== 1) throw new Error(`frame ${i}: no face`);
      return {};
    },
  };
  return navigator.hardwareConcurrency;
}

/** Return {ms, parts} of each frame of a block, by one side. */
export async function block(side, first, frames) {
  const rows = [];
  for (let i = first; i < first + frames; i++) {
    const start = performance.now();
    const parts = await window.sides[side](i);
    rows.push({ ms: performance.now() - start, parts });
  }
  return rows;
}

async function mediapipe() {
  const { FaceLandmarker, FilesetResolver } = await import(`${MEDIAPIPE}vision_bundle.mjs`);
  const files = await FilesetResolver.forVisionTasks(`${MEDIAPIPE}wasm`);
  return FaceLandmarker.createFromOptions(files, {
    baseOptions: { modelAssetPath: "/project/android_demo_assets/face_landmarker.task", delegate: "CPU" },
    runningMode: "VIDEO",
    numFaces: 1,
    outputFaceBlendshapes: true,
  });
}

/** Return frame number -> canvas: a face that sways and comes closer. */
async function clip() {
  const picture = new Image();
  picture.src = "/sample/astronaut.png";
  await picture.decode();
  const canvas = Object.assign(document.createElement("canvas"), { width: 640, height: 480 });
  const context = canvas.getContext("2d");
  return (i) => {
    const scale = 1.5 + 0.2 * Math.sin(i / 29);
    context.setTransform(scale, 0, 0, scale, 100 + 40 * Math.sin(i / 13), 10 * Math.cos(i / 17));
    context.drawImage(picture, 0, 0);
    return canvas;
  };
}
