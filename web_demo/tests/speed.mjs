// Frames a second of the reader beside MediaPipe's FaceLandmarker with blendshapes, frame by frame in
// turn: node web_demo/tests/speed.mjs [--quick] [--json] [--variant=int8]
//
// Both follow one face in the same 640 x 480 canvas, on the CPU. The reader's time includes
// landmarks, AUs, intervals and quality measures; the way to the worker and back is in it, too.
import { parseArgs } from "node:util";
import { open } from "./browser.mjs";

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    variant: { type: "string", default: "int8" },
  },
});
const frames = values.quick ? 40 : 300;
const browser = await open();
try {
  const page = await browser.page();
  // MediaPipe reports its use to a server of Google.
  await page.route((url) => !url.href.startsWith(browser.url), (route) => route.abort());
  const rows = await page.evaluate(
    async ([frames, variant]) => (await import("/tests/speed_in_page.js")).compare(frames, variant),
    [frames, values.variant],
  );
  process.stdout.write(values.json ? `${JSON.stringify(rows)}\n` : table(rows));
} finally {
  await browser.close();
}

function table({ frames, cores, variant, sides, parts }) {
  const line = ([name, { median, fastest, rate }]) =>
    `${name.padEnd(44)} ${median.toFixed(1).padStart(8)} ${fastest.toFixed(1).padStart(8)} ${rate.toFixed(1).padStart(8)}\n`;
  const share = Object.entries(parts).map(([name, ms]) => `${name} ${ms.toFixed(1)}`).join(", ");
  return (
    `${frames} frames each, ${cores} cores\n${"".padEnd(44)} ${"median".padStart(8)} ${"fastest".padStart(8)} ${"frames/s".padStart(8)}\n` +
    Object.entries(sides).map(line).join("") +
    `the reader's medians (${variant}), ms: ${share}\n`
  );
}
