// Runs inside the page: the networks alone, on one accelerator.
import { SIDE as DETECTOR_SIDE, decode } from "/src/engine/face/detector.js";
import { SIDE as MESH_SIDE, read } from "/src/engine/face/landmarks.js";
import { cut, letterbox } from "/src/engine/face/regions.js";
import { pixelsOf } from "/src/engine/pixels.js";
import { compile, loadRuntime } from "/src/engine/runtime/litert.js";

const runtime = loadRuntime(new URL("/", location.href).href, () => {});

async function network(file, accelerator) {
  const bytes = new Uint8Array(await (await fetch(`/models/${file}`)).arrayBuffer());
  return compile(await runtime, bytes, accelerator);
}

/** Return {intensity, heatmaps} of an AU model for each file of float32 inputs. */
export async function readInputs(file, accelerator, inputs) {
  const model = await network(file, accelerator);
  const results = [];
  for (const url of inputs) {
    const { intensity, heatmaps } = await model.run(new Float32Array(await (await fetch(url)).arrayBuffer()));
    results.push({ intensity: Array.from(intensity), heatmaps: Array.from(heatmaps) });
  }
  model.close();
  return results;
}

/** Return the steps of the golden vectors that networks compute. */
export async function steps(url, keptScore, [x, y, size, angle], accelerator) {
  const picture = pixelsOf(await createImageBitmap(await (await fetch(url)).blob()));
  const [detector, landmarks] = await Promise.all(
    ["face_detector.tflite", "face_landmarks_detector.tflite"].map((file) => network(file, accelerator)),
  );
  const values = (divisor, shift) => Float32Array.from({ length: 256 }, (_, v) => Math.fround(v / divisor) - shift);
  const input = (region, side, border, table) => cut(picture, region, side, border, table, new Float32Array(side * side * 3));
  const square = letterbox(picture.width, picture.height);
  const found = await detector.run(input(square, DETECTOR_SIDE, "zero", values(127.5, 1)));
  const { scores, points } = decode(found.classificators, found.regressors);
  const anchors = [...scores.keys()].filter((i) => scores[i] >= keptScore);
  const region = { x, y, size, angle };
  const outputs = await landmarks.run(input(region, MESH_SIDE, "replicate", values(255, 0)));
  const face = read(outputs.Identity, outputs.Identity_1[0], region);
  detector.close();
  landmarks.close();
  return {
    anchors,
    scores: anchors.map((i) => scores[i]),
    boxes: anchors.map((i) => Array.from(points.subarray(16 * i, 16 * i + 16))),
    presence: face.presence,
    mesh: Array.from(face.mesh),
  };
}
