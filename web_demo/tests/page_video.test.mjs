// The camera and video files, from made clips. With FAU_SCREENSHOTS=docs/images, the pictures of the docs too.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { after, before } from "node:test";
import { open } from "./browser.mjs";
import { webm, y4m } from "./clip.mjs";
import { ROOT } from "./golden.mjs";
import { DESKTOP, PHONE, downloaded, figures, openPage, rowsOf, statusStarts } from "./page_helpers.mjs";

const SAMPLE = "/project/docs/sample/astronaut.png";
const SCREENSHOTS = process.env.FAU_SCREENSHOTS && path.resolve(ROOT, process.env.FAU_SCREENSHOTS);
const FRAMES_MS = 120_000; // for some frames to be read on a busy machine

const folder = mkdtempSync(path.join(tmpdir(), "fau-"));
const clips = { camera: path.join(folder, "clip.y4m"), file: path.join(folder, "clip.webm") };
let browser;

before(async () => {
  const maker = await open();
  const page = await maker.page();
  writeFileSync(clips.camera, await y4m(page, SAMPLE));
  writeFileSync(clips.file, await webm(page, SAMPLE, { count: 20 }));
  await maker.close();
  browser = await open({ flags: ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", `--use-file-for-fake-video-capture=${clips.camera}`] });
});

after(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true });
});

const rowsAtLeast = (page, count) =>
  page.waitForFunction((least) => parseInt(document.getElementById("rows-note").textContent, 10) >= least, count, { timeout: FRAMES_MS });

async function shot(page, name) {
  if (SCREENSHOTS) await page.screenshot({ path: path.join(SCREENSHOTS, `web_${name}.jpg`), type: "jpeg", quality: 88, fullPage: true });
}

test("the camera: bars, plot and rows; the neutral of the last second; stopping frees it", async () => {
  const page = await openPage(browser, { media: { colorScheme: "dark" } });
  await page.click("#camera");
  await page.waitForSelector("#time:visible");
  await page.click("#record");
  await rowsAtLeast(page, 6);
  await page.click("#record");
  assert.ok(Number((await figures(page)).AU12) > 1, "the clip smiles");
  assert.match(await page.getAttribute("#plot", "aria-label"), /last value \d/);
  await page.click("#neutral");
  assert.equal(await page.textContent("#neutral"), "Look neutral: 3");
  await page.click("#neutral"); // canceled
  assert.equal(await page.textContent("#neutral"), "This is my neutral");
  await page.waitForTimeout(3500);
  assert.equal(await page.isVisible("#neutral-row"), false);
  await page.click("#neutral");
  await page.waitForSelector("#neutral-row:visible");
  assert.match(await page.textContent("#neutral-note"), /webcam at \d+\.\d s/);
  await shot(page, "camera");
  const { rows } = rowsOf((await downloaded(page, "#csv")).bytes.toString());
  assert.deepEqual(rows.map((row) => Number(row.frame)), rows.map((_, i) => i + 1));
  const times = rows.map((row) => Number(row.timestamp));
  assert.ok(times.every((time, i) => i === 0 || time > times[i - 1]), `times rise: ${times}`);
  assert.ok(rows.every((row) => row.source === "webcam" && row.face_id === rows[0].face_id && row.success === "1"));
  await page.click("#no-neutral");
  await page.click("#neutral");
  const canCancel = await page.evaluate(async () => {
    const [{ show }, { page: state }] = await Promise.all([import("/page/show.js"), import("/page/state.js")]);
    state.source.shown.faces = []; // lost for a frame
    show();
    return !document.getElementById("neutral").disabled;
  });
  assert.ok(canCancel, "while it counts");
  await page.click("#camera");
  assert.equal(await page.textContent("#camera"), "Use the camera");
  assert.equal(await page.textContent("#neutral"), "This is my neutral", "no countdown without a camera");
  assert.equal(await page.isVisible("#playback"), false);
  assert.match(await page.textContent("#rows-note"), /^\d+ rows in the table\.$/, "nothing is said of a button that is gone");
  await page.waitForTimeout(3500);
  assert.equal(await page.isVisible("#neutral-row"), false);
  await page.context().close();
});

test("mirrored, left and right change places", async () => {
  const page = await openPage(browser);
  await page.click("#camera");
  await page.waitForSelector("#playback:visible");
  await page.waitForFunction(() => /frames a second/.test(document.getElementById("status").textContent), null, { timeout: FRAMES_MS });
  await page.click("#play");
  await page.check("#view input[value=sides]");
  await page.waitForTimeout(500); // the frame that was being read
  const [left, right] = [await figures(page), await figures(page, 1)];
  assert.ok(await page.isChecked("#mirror"), "a camera that looks at a person is mirrored");
  assert.match(await page.textContent("#sides-note"), /; mirrored, a person's left is on the left\./);
  await page.uncheck("#mirror");
  const sided = Object.keys(left).filter((label) => left[label] !== "no sides");
  const [mirroredLeft, mirroredRight] = [await figures(page), await figures(page, 1)];
  for (const label of sided) assert.deepEqual([mirroredLeft[label], mirroredRight[label]], [right[label], left[label]], label);
  assert.ok(sided.some((label) => left[label] !== right[label]), "the clip is not symmetric");
  await page.context().close();
});

test("the camera on an upright phone: bars stay in view", async () => {
  const page = await openPage(browser, { size: PHONE });
  await page.click("#camera");
  await page.waitForFunction(() => /frames a second/.test(document.getElementById("status").textContent), null, { timeout: FRAMES_MS });
  const inView = await page.$$eval("#bars li", (all) => all.filter((one) => {
    const { top, bottom } = one.getBoundingClientRect();
    return top >= 0 && bottom <= innerHeight;
  }).length);
  const picture = await page.$eval("#picture", (one) => one.getBoundingClientRect().top);
  assert.ok(picture >= -1, `the picture is in view, too: ${picture}`);
  assert.ok(inView >= 4, `${inView} bars in view`);
  await page.context().close();
});

test("of several cameras one is chosen; it is asked for by its name", async () => {
  const init = `window.asked = [];
    const { getUserMedia } = navigator.mediaDevices;
    navigator.mediaDevices.enumerateDevices = async () => ["first", "second"].map((deviceId) => ({ kind: "videoinput", deviceId, label: deviceId + " camera" }));
    navigator.mediaDevices.getUserMedia = (wanted) => { window.asked.push(wanted.video); return getUserMedia.call(navigator.mediaDevices, { video: true }); };`;
  const page = await openPage(browser, { init });
  await page.click("#camera");
  await page.waitForSelector("#cameras:visible");
  assert.deepEqual(await page.$$eval("#cameras option", (all) => all.map((one) => one.textContent)), ["first camera", "second camera"]);
  await page.focus("#cameras");
  await page.selectOption("#cameras", "second");
  await page.waitForFunction(() => window.asked.length === 2 && document.getElementById("camera").textContent === "Stop the camera");
  const asked = await page.evaluate(() => window.asked);
  assert.equal(asked[0].facingMode, "user");
  assert.deepEqual(asked[1].deviceId, { exact: "second" });
  await page.waitForFunction(() => document.activeElement.id === "cameras"); // it was hidden meanwhile
  await page.waitForFunction(() => document.getElementById("picture").getAttribute("aria-label").startsWith("webcam 2: "));
  await page.context().close();
});

test("a camera without a face: after two seconds, what helps, read aloud once", async () => {
  const empty = await open({ flags: ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"] }); // chromium's test pattern
  try {
    const page = await openPage(empty);
    await page.evaluate(() => {
      window.told = 0;
      new MutationObserver(() => { window.told += 1; }).observe(document.getElementById("hint"), { childList: true });
    });
    await page.click("#camera");
    await page.waitForFunction(() => /Come closer, face the camera, light from the front/.test(document.getElementById("status").textContent), null, { timeout: FRAMES_MS });
    await page.waitForTimeout(1500);
    assert.equal(await page.evaluate(() => window.told), 1);
    assert.equal(await page.getAttribute("#hint", "role"), "status");
    assert.equal(await page.getAttribute("#status", "aria-live"), "off");
    await page.click("#camera");
  } finally {
    await empty.close();
  }
});

test("a video file is read frame by frame to its end, recorded, and sought", async () => {
  const page = await openPage(browser);
  await page.evaluate(() => { document.getElementById("slow").checked = true; });
  await page.setInputFiles("#files", clips.file);
  await page.waitForSelector("#time:visible");
  await page.click("#record");
  await page.waitForFunction(() => document.getElementById("play").textContent === "Play", null, { timeout: FRAMES_MS });
  assert.match(await page.textContent("#clock"), /^0:00 \/ 0:00$/);
  const { name, bytes } = await downloaded(page, "#csv");
  assert.equal(name, "clip_au.csv");
  const { rows } = rowsOf(bytes.toString());
  assert.ok(rows.every((row) => row.source === "clip.webm" && row.success === "1"));
  // The first frames may pass before the page's button to record is pressed.
  const times = rows.map((row) => Number(row.timestamp));
  assert.ok(times.length >= 3 && times.every((time, i) => i === 0 || time > times[i - 1]), `times rise: ${times}`);
  assert.ok(times.every((time) => Math.abs(time / 0.04 - Math.round(time / 0.04)) < 0.05), `times of frames: ${times}`);
  await page.click("#neutral");
  assert.match(await page.textContent("#neutral-note"), /clip\.webm at \d\.\d s, face 0\. .*other faces have a dash/);
  await page.fill("#seek", "0.2");
  await page.waitForFunction(() => Math.abs(document.getElementById("seek").value - 0.2) < 0.05);
  // Another video has another neutral; a picture chosen with it is named.
  await page.setInputFiles("#files", [clips.file, path.join(ROOT, "docs", "sample", "astronaut.png")]);
  await page.waitForSelector("#message:visible");
  assert.match(await page.textContent("#message"), /A video is opened alone, so 1 file was left out: astronaut\.png\. Choose them again/);
  assert.equal(await page.isVisible("#neutral-row"), false);
  await page.context().close();
});

test("a stopped video that is sought while a frame is read shows the place that was sought last", async () => {
  const page = await openPage(browser);
  await page.setInputFiles("#files", clips.file);
  await page.evaluate(async () => { window.state = (await import("/page/state.js")).page; });
  await page.waitForFunction(() => {
    const { playback, shown } = window.state.source;
    return shown && playback?.video.ended && !playback.playing && !playback.busy;
  }, null, { timeout: FRAMES_MS });
  await page.evaluate(async () => {
    const { reader, source: { playback: { video } } } = window.state;
    const gate = new Promise((resolve) => { window.openGate = resolve; });
    reader.read = async (...args) => { await gate; delete reader.read; return reader.read(...args); };
    for (const time of [0.2, 0.4, 0.6]) {
      video.currentTime = time;
      await new Promise((resolve) => { video.addEventListener("seeked", resolve, { once: true }); });
    }
    window.openGate();
  });
  await page.waitForFunction(() => window.state.source.shown.time === 0.6, null, { timeout: 20_000 });
  await page.context().close();
});

test("pictures for the docs", { skip: !SCREENSHOTS && "set FAU_SCREENSHOTS=docs/images" }, async () => {
  const light = await openPage(browser, { size: DESKTOP });
  await light.click("#sample"); // the first reading takes longer
  await statusStarts(light, "One face");
  await shot(light, "light");
  await light.check("#view input[value=sides]");
  await light.emulateMedia({ colorScheme: "dark" });
  await light.click("#bars li:nth-child(8) button");
  await light.mouse.move(0, 0);
  await shot(light, "dark");
  await light.context().close();
  const phone = await openPage(browser, { size: PHONE });
  await shot(phone, "phone");
  await phone.context().close();
});

test("nothing was asked of another origin, and no error came up", () => {
  assert.deepEqual(browser.foreign, []);
  assert.deepEqual(browser.errors, []);
});
