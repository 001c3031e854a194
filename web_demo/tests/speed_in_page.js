// Runs inside the page: both sides of speed.mjs.
import { FauReader } from "/src/reader.js";

const MEDIAPIPE = "/root/web_demo/node_modules/@mediapipe/tasks-vision/";
const WARM_UP = 10; // frames

/** Return times of both sides, which take turns on every frame. */
export async function compare(frames, variant) {
  const reader = await FauReader.load(undefined, { accelerator: "wasm", variant });
  const landmarker = await mediapipe();
  const draw = await clip();
  const times = { reader: [], mediapipe: [] };
  const parts = { detect: [], landmarks: [], aus: [] };
  for (let i = 0; i < frames + WARM_UP; i++) {
    const canvas = draw(i);
    const [ours, { milliseconds, faces }] = await timed(() => reader.read(canvas, { mode: "video", timestampMs: 40 * i, maxFaces: 1 }));
    const [theirs, found] = await timed(() => landmarker.detectForVideo(canvas, 40 * i + 1));
    if (faces.length !== 1 || faces[0].reason || found.faceBlendshapes.length !== 1) {
      throw new Error(`Frame ${i}: ${faces.length} faces here, ${found.faceBlendshapes.length} there`);
    }
    if (i < WARM_UP) continue;
    times.reader.push(ours);
    times.mediapipe.push(theirs);
    for (const name of Object.keys(parts)) parts[name].push(milliseconds[name]);
  }
  return {
    frames,
    variant,
    cores: navigator.hardwareConcurrency,
    sides: { [`fau_tf: landmarks and AUs (${variant})`]: summary(times.reader), "MediaPipe: landmarks and blendshapes": summary(times.mediapipe) },
    parts: Object.fromEntries(Object.entries(parts).map(([name, all]) => [name, median(all)])),
  };
}

async function mediapipe() {
  const { FaceLandmarker, FilesetResolver } = await import(`${MEDIAPIPE}vision_bundle.mjs`);
  const files = await FilesetResolver.forVisionTasks(`${MEDIAPIPE}wasm`);
  return FaceLandmarker.createFromOptions(files, {
    baseOptions: { modelAssetPath: "/root/android_demo_assets/face_landmarker.task", delegate: "CPU" },
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

async function timed(make) {
  const start = performance.now();
  const made = await make();
  return [performance.now() - start, made];
}

function summary(times) {
  return { median: median(times), fastest: Math.min(...times), rate: 1000 / median(times) };
}

function median(times) {
  return [...times].sort((one, other) => one - other)[times.length >> 1];
}
