// Memory stays flat over many frames: tensors of LiteRT.js are freed by hand, so each is a leak to be.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { open } from "./browser.mjs";

const FRAMES = Number(process.env.FAU_WEB_FRAMES ?? 2000);
const BLOCK = FRAMES / 10;
const PAGE = 4096; // bytes of a page of memory on x86-64 Linux
// The smallest tensor of a frame, the AU model's heatmaps, has 110 kB: leaked, it would be 170 MB.
const MOST = 25e6; // bytes; the heap of JavaScript breathes by some MB

test(`memory is flat over ${FRAMES} frames`, { skip: process.platform !== "linux" && "reads /proc" }, async (t) => {
  const browser = await open({ flags: ["--js-flags=--expose-gc"] });
  t.after(() => browser.close());
  const page = await browser.page();
  await page.evaluate(async () => (await import("/tests/in_page.js")).load({ accelerator: "wasm", variant: "int8" }));
  const used = [];
  for (let block = 0; block < 10; block++) {
    await page.evaluate(async (frames) => (await import("/tests/in_page.js")).watch(frames), BLOCK);
    used.push(await rendererBytes(browser));
  }
  t.diagnostic(`MB after each tenth: ${used.map((bytes) => Math.round(bytes / 1e6)).join(" ")}`);
  // What the first tenth allocates is kept for the next.
  const growth = used.at(-1) - used[1];
  assert.ok(used[0] > 5e7, `${used[0]} bytes is no renderer`);
  assert.ok(growth < MOST, `${growth} bytes more after ${0.8 * FRAMES} frames`);
});

/** Return the resident memory of all renderers, in which workers run, too. */
async function rendererBytes({ browser }) {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  await session.detach();
  const pids = processInfo.filter(({ type }) => type === "renderer").map(({ id }) => id);
  return pids.reduce((sum, pid) => sum + PAGE * Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]), 0);
}
