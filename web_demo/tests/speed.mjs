// Frames a second of the reader beside MediaPipe's FaceLandmarker with blendshapes, in blocks of
// frames in turn: node web_demo/tests/speed.mjs [--quick] [--json] [--variant int8]
//
// Both follow one face in the same 640 x 480 canvas, on the CPU. The reader's time includes
// landmarks, AUs, intervals, quality measures, and the way to the worker and back. Processor time is
// that of all of chromium's processes: it depends less on what else the machine does.
import { parseArgs } from "node:util";
import { open } from "./browser.mjs";

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    variant: { type: "string", default: "int8" },
  },
});
const BLOCK = 10; // frames
const blocks = options.quick ? 4 : 30;
const NAMES = { reader: `fau_tf: landmarks and AUs (${options.variant})`, mediapipe: "MediaPipe: landmarks and blendshapes" };

const chromium = await open();
try {
  const result = await compare();
  process.stdout.write(options.json ? `${JSON.stringify(result)}\n` : table(result));
} finally {
  await chromium.close();
}

async function compare() {
  const page = await chromium.page();
  // MediaPipe reports its use to a server of Google.
  await page.route((url) => !url.href.startsWith(chromium.url), (route) => route.abort());
  const call = (name, ...values) =>
    page.evaluate(async ([name, values]) => (await import("/tests/speed_in_page.js"))[name](...values), [name, values]);
  const session = await chromium.browser.newBrowserCDPSession();
  const processorTime = async () => {
    const { processInfo } = await session.send("SystemInfo.getProcessInfo");
    return processInfo.reduce((sum, { cpuTime }) => sum + cpuTime, 0);
  };
  const cores = await call("prepare", options.variant);
  const sides = { reader: { rows: [], seconds: 0 }, mediapipe: { rows: [], seconds: 0 } };
  for (let i = 0; i <= blocks; i++) {
    for (const [name, side] of Object.entries(sides)) {
      const before = await processorTime();
      const rows = await call("block", name, i * BLOCK, BLOCK);
      if (i === 0) continue; // warm-up
      side.seconds += (await processorTime()) - before;
      side.rows.push(...rows);
    }
  }
  const parts = ["landmarks", "aus"].map((name) => [name, median(sides.reader.rows.map((row) => row.parts[name]))]);
  return {
    frames: blocks * BLOCK,
    cores,
    variant: options.variant,
    sides: Object.fromEntries(Object.entries(sides).map(([name, side]) => [name, summary(side)])),
    parts: Object.fromEntries(parts),
  };
}

function summary({ rows, seconds }) {
  const times = rows.map(({ ms }) => ms);
  const middle = median(times);
  return { median: middle, fastest: Math.min(...times), rate: 1000 / middle, processor: (1000 * seconds) / rows.length };
}

function median(times) {
  return [...times].sort((one, other) => one - other)[times.length >> 1];
}

function table({ frames, cores, sides, parts }) {
  const cells = (values) => values.map((value) => String(value).padStart(13)).join("");
  const lines = Object.entries(sides).map(
    ([name, side]) =>
      NAMES[name].padEnd(38) + cells([side.median, side.fastest, side.processor, side.rate].map((value) => value.toFixed(1))),
  );
  const share = Object.entries(parts).map(([name, ms]) => `${name} ${ms.toFixed(1)}`).join(", ");
  return (
    `${frames} frames each, ${cores} cores\n${"".padEnd(38)}${cells(["median ms", "fastest ms", "processor ms", "frames/s"])}\n` +
    `${lines.join("\n")}\nof the reader's median, ms: ${share}\n`
  );
}
