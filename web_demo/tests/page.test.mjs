// The page in chromium: what a person sees and does, and what leaves it: nothing.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { after, before } from "node:test";
import { open } from "./browser.mjs";
import { METADATA, ROOT } from "./golden.mjs";
import { PHONE, downloaded, figures, fingerprint, giveDrawn, openPage, ready, reset, rowsOf } from "./page_helpers.mjs";

const PYTHON = process.env.PYTHON ?? path.join(ROOT, ".venv", "bin", "python");
const SAMPLE = path.join(ROOT, "docs", "sample", "astronaut.png");
const LABELS = METADATA.aus.map(({ label }) => label);
// The crop moves with the mesh, which is the same to 0.05 px; three decimals are written.
const INTENSITY = 0.15;

let browser;
let shared;
before(async () => {
  browser = await open();
  shared = await openPage(browser);
});
after(async () => { await browser.close(); });

/** Run a test on the shared page, with the sample and the choices as after loading. */
const onSample = (act) => async () => {
  try {
    await act(shared);
  } finally {
    await reset(shared);
  }
};

/** Run a test on a page of its own. */
const onPage = (options, act) => async () => {
  const page = await openPage(browser, options);
  try {
    await act(page);
  } finally {
    await page.context().close();
  }
};

test("the sample is read on load: a bar for each AU, with interval and marks", onSample(async (page) => {
  const values = await figures(page);
  assert.deepEqual(Object.keys(values), LABELS);
  assert.ok(Object.values(values).every((value) => /^\d\.\d$/.test(value)), JSON.stringify(values));
  assert.ok(Number(values.AU12) > 1.5, "the sample smiles");
  const low = METADATA.aus.filter((au) => au.low_reliability).map(({ label }) => label);
  assert.deepEqual(await page.$$eval("#bars li.low b", (all) => all.map((b) => b.textContent)), low.map((label) => `${label}*`));
  assert.equal(await page.locator("#bars .whisker:visible").count(), METADATA.intervals ? LABELS.length : 0);
  assert.match(await page.textContent("#engine"), /^Runs on the (CPU|GPU)/);
  assert.match(await page.textContent("#private"), /Nothing is sent/);
  assert.equal(await page.isVisible("#late"), false);
  assert.match(await page.textContent(".about"), /Not an emotion.*Not medical.*nobody coded/s);
}));

test("heatmaps: none, one AU's and all are different pictures", onSample(async (page) => {
  const seen = [await fingerprint(page)];
  for (const heat of ["off", "one"]) {
    await page.check(`#heat input[value=${heat}]`);
    seen.push(await fingerprint(page));
  }
  await page.click("#bars li:nth-child(1) button");
  seen.push(await fingerprint(page));
  assert.equal(new Set(seen).size, 4);
  assert.equal(await page.textContent("#heat-one"), LABELS[0]);
}));

test("the keyboard reaches an AU, opens it and shows its heatmap, with a visible focus", onSample(async (page) => {
  let steps = 0;
  const inBars = () => page.evaluate(() => document.activeElement.closest("#bars") !== null);
  while (!(await inBars())) {
    assert.ok(++steps < 25, "the bars are reached by the tabulator");
    await page.keyboard.press("Tab");
    const outline = await page.evaluate(() => {
      const { activeElement: active } = document;
      return [active, active.nextElementSibling, active.previousElementSibling].filter(Boolean).some((one) => getComputedStyle(one).outlineStyle !== "none");
    });
    assert.ok(outline, `focus is visible after ${steps} steps`);
  }
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  const row = page.locator("#bars li:nth-child(2)");
  assert.equal(await row.locator("button").getAttribute("aria-expanded"), "true");
  assert.ok((await row.locator(".detail").textContent()).length > 30);
  assert.ok(await page.isChecked("#heat input[value=one]"));
  await page.keyboard.press("Enter");
  assert.equal(await row.locator("button").getAttribute("aria-expanded"), "false");
  await page.keyboard.press("End");
  assert.ok(await page.evaluate(() => document.activeElement === document.querySelector("#bars li:last-child button")));
  await page.keyboard.press("Tab");
  assert.ok(!(await inBars()), "the bars are one stop");
}));

test("every control has a name", onSample(async (page) => {
  const nameless = await page.$$eval("button, input, select, canvas, summary", (all) => all.filter((one) => !one.hidden &&
    !(one.textContent.trim() || one.getAttribute("aria-label") || one.labels?.[0]?.textContent.trim())).map((one) => one.outerHTML));
  assert.deepEqual(nameless, []);
}));

test("the CSV file has the columns and the values of the Python command", onPage({ address: "?variant=float16&accelerator=wasm" }, async (page) => {
  const { name, bytes } = await downloaded(page, "#csv");
  assert.equal(name, "astronaut_au.csv");
  const ours = rowsOf(bytes.toString());
  const python = rowsOf(pythonCsv());
  assert.deepEqual(ours.columns, python.columns);
  assert.equal(ours.rows.length, 1);
  for (const column of ours.columns.filter((one) => one !== "source")) {
    const [found, expected] = [ours.rows[0][column], python.rows[0][column]];
    const number = /^-?\d+\.\d+$/.test(expected);
    if (number) assert.ok(Math.abs(found - expected) <= limitOf(column, expected), `${column}: ${found}, Python ${expected}`);
    else assert.equal(found, expected, column);
  }
}));

/** Quality measures are as near as the crops are; intervals as the intensities, whose steps they follow. */
function limitOf(column, expected) {
  return /^AU|^[xy][01]$/.test(column) ? 2 * INTENSITY : 0.02 + 0.02 * Math.abs(expected);
}

function pythonCsv() {
  const out = mkdtempSync(path.join(tmpdir(), "fau-"));
  try {
    execFileSync(PYTHON, ["-m", "fau_tf.cli.predict", SAMPLE, "--no-draw", "--out", out], { cwd: ROOT, env: { ...process.env, OMP_NUM_THREADS: "1" } });
    return readFileSync(path.join(out, "astronaut_au.csv"), "utf8");
  } finally {
    rmSync(out, { recursive: true });
  }
}

test("this is my neutral: raw and above neutral side by side, on the page and in the file", onSample(async (page) => {
  const raw = await figures(page);
  await page.click("#neutral");
  assert.deepEqual(await figures(page), raw);
  assert.ok(Object.values(await figures(page, 1)).every((value) => value === "0.0"), "a face above itself");
  assert.deepEqual(await page.$$eval("#columns span", (all) => all.map((one) => one.textContent)), ["raw", "above neutral"]);
  const { columns, rows } = rowsOf((await downloaded(page, "#csv")).bytes.toString());
  assert.deepEqual(columns.filter((name) => name.endsWith("_above_neutral")), LABELS.map((label) => `${label}_above_neutral`));
  assert.equal(rows[0].processing, "neutral=astronaut.png");
  assert.equal(rows[0].AU12_above_neutral, "0.000");
  await page.click("#no-neutral");
  assert.equal(await page.locator("#columns").isVisible(), false);
}));

test("left and right have their own bars, or say that the AU has no sides", onSample(async (page) => {
  await page.check("#view input[value=sides]");
  const sided = new Set(METADATA.aus.filter(({ centers }) => centers.length === 2 && centers[0].name.endsWith("_left")).map(({ label }) => label));
  assert.ok(!sided.has("AU09") && sided.has("AU45"), "as Python has it");
  const [left, right] = [await figures(page), await figures(page, 1)];
  for (const label of LABELS) {
    if (sided.has(label)) assert.ok(Number.isFinite(Number(left[label])) && Number.isFinite(Number(right[label])), label);
    else assert.deepEqual([left[label], right[label]], ["no sides", ""], label);
  }
}));

test("the PNG file has the picture and the bars", onSample(async (page) => {
  const { name, bytes } = await downloaded(page, "#png");
  assert.equal(name, "astronaut_au.png");
  assert.equal(bytes.toString("latin1", 1, 4), "PNG");
  assert.ok(bytes.readUInt32BE(16) > 1000 && bytes.readUInt32BE(20) > 600, "px");
  assert.ok(bytes.length > 200_000, "bytes");
}));

test("several pictures: each is read, has a row, and can be shown again", onSample(async (page) => {
  await page.setInputFiles("#files", [SAMPLE, path.join(ROOT, "android_demo_assets", "golden", "overview.png")]);
  await page.waitForFunction(() => /^2 of 2/.test(document.getElementById("place").textContent));
  await page.click("#next"); // once both are read and the first one is shown
  await page.waitForFunction(() => /^2 of 2: overview/.test(document.getElementById("place").textContent) && document.getElementById("status").textContent);
  const { rows } = rowsOf((await downloaded(page, "#csv")).bytes.toString());
  assert.deepEqual([...new Set(rows.map((row) => row.source))], ["astronaut.png", "overview.png"]);
}));

test("pictures that are turned fast: each result stands under its own name", onSample(async (page) => {
  await page.setInputFiles("#files", [SAMPLE, path.join(ROOT, "android_demo_assets", "golden", "overview.png")]);
  await page.waitForFunction(() => !document.getElementById("next").disabled && /^1 of 2/.test(document.getElementById("place").textContent));
  const [labels, disabled] = await page.evaluate(async () => {
    const picture = document.getElementById("picture");
    const seen = [];
    new MutationObserver(() => seen.push(picture.getAttribute("aria-label"))).observe(picture, { attributeFilter: ["aria-label"] });
    const { turn } = await import("/page/open.js");
    const turns = [turn(1), turn(1), turn(1)]; // faster than the buttons let a person turn
    const whileTurning = ["previous", "next"].map((id) => document.getElementById(id).disabled);
    document.getElementById("png").click();
    await Promise.all(turns);
    return [seen, whileTurning];
  });
  assert.deepEqual(disabled, [true, true]);
  assert.ok(labels.length, "something is shown");
  for (const label of labels) assert.equal(/^astronaut/.test(label), /: One face/.test(label), label);
  assert.equal(await page.isDisabled("#next"), false);
}));

test("blocked site data: the page works, and colors switch until it is closed", onPage({
  init: `Object.defineProperty(window, "localStorage", { get() { throw new DOMException("told by the test", "SecurityError"); } });`,
}, async (page) => {
  assert.ok(Number((await figures(page)).AU12) > 1.5);
  const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await paper();
  await page.click("#theme");
  assert.notEqual(await paper(), light);
}));

test("a picture is dropped, and pasted; a paste of words is answered", onSample(async (page) => {
  for (const name of ["dropped.png", "pasted.png"]) {
    await giveDrawn(page, name, [{ x: 0 }]);
    await page.waitForFunction((start) => document.getElementById("picture").getAttribute("aria-label").startsWith(start), `${name}: One face`);
  }
  await page.evaluate(() => window.dispatchEvent(new ClipboardEvent("paste", { clipboardData: new DataTransfer() })));
  assert.match(await page.textContent("#message"), /no picture in what was pasted\. Copy a picture/);
}));

test("of two faces either is chosen", onSample(async (page) => {
  await giveDrawn(page, "dropped.png", [{ x: 0 }, { x: 256, tone: "brightness(0.6)" }]);
  await page.waitForSelector("#faces:visible");
  const first = await figures(page);
  await page.check("#faces input[value='1']");
  assert.notDeepEqual(await figures(page), first);
  assert.match(await page.textContent("#status"), /^Face 1, one of 2/);
  const { rows } = rowsOf((await downloaded(page, "#csv")).bytes.toString());
  assert.deepEqual(rows.map((row) => row.face_id), ["0", "1"]);
}));

test("a face that can't be read: the reason and dashes, never zeros", onSample(async (page) => {
  await giveDrawn(page, "dropped.png", [{ x: 0, tone: "brightness(0.04)" }]);
  await page.waitForFunction(() => /not read, too/.test(document.getElementById("status").textContent));
  assert.ok(Object.values(await figures(page)).every((value) => value === "–"));
  assert.ok(await page.isDisabled("#neutral"));
  const { rows } = rowsOf((await downloaded(page, "#csv")).bytes.toString());
  assert.deepEqual([rows[0].success, rows[0].AU12_r, rows[0].AU12_c], ["0", "NaN", "NaN"]);
  assert.match(rows[0].reason, /^too /);
}));

test("a file that is no picture: a sentence, and what was shown stays", onSample(async (page) => {
  const values = await figures(page);
  await page.setInputFiles("#files", path.join(ROOT, "README.md"));
  await page.waitForSelector("#message:visible");
  assert.match(await page.textContent("#message"), /README\.md is not a picture or video .* Choose a JPEG/);
  assert.deepEqual(await figures(page), values);
}));

test("a picture without a face: a sentence and dashes, never zeros", onSample(async (page) => {
  await page.setInputFiles("#files", path.join(ROOT, "docs", "images", "accuracy.png"));
  await page.waitForSelector("#message:visible");
  assert.match(await page.textContent("#message"), /No face found\. Choose a picture/);
  assert.ok(Object.values(await figures(page)).every((value) => value === "–"));
  const { rows } = rowsOf((await downloaded(page, "#csv")).bytes.toString());
  assert.equal(rows[0].success, "0");
  assert.equal(rows[0].AU12_r, "NaN");
  assert.equal(rows[0].reason, "no face found");
}));

test("a camera that is refused, missing or busy: a sentence that says what to do", onSample(async (page) => {
  for (const [error, sentence] of [["NotAllowedError", /refused\. Allow it/], ["NotFoundError", /No camera was found\. Connect one/], ["NotReadableError", /Close that program/]]) {
    await page.evaluate((name) => { navigator.mediaDevices.getUserMedia = async () => { throw new DOMException("told by the test", name); }; }, error);
    await page.click("#camera");
    await page.waitForFunction((pattern) => new RegExp(pattern).test(document.getElementById("message").textContent), sentence.source);
    assert.ok(Number.isFinite(Number((await figures(page)).AU12)), "the sample stays");
  }
}));

test("without WebAssembly or WebGPU: what runs, or what to do", async () => {
  await onPage({ init: "delete globalThis.WebAssembly;" }, async (page) => {
    assert.match(await page.textContent("#message"), /no WebAssembly.*Use a current/);
  })();
  await onPage({ address: "?accelerator=webgpu&variant=float16" }, async (page) => {
    const said = `${await page.textContent("#message")} ${await page.textContent("#engine")}`;
    assert.match(said, /WebGPU/);
    assert.match(said, /CPU \(WebAssembly\)/);
  })();
});

test("light and dark follow the system, and the switch is remembered", onSample(async (page) => {
  const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await paper();
  await page.emulateMedia({ colorScheme: "dark" });
  const dark = await paper();
  assert.notEqual(dark, light);
  await page.click("#theme");
  assert.equal(await paper(), light);
  await page.reload();
  await ready(page);
  assert.equal(await paper(), light);
  await page.click("#theme");
  assert.equal(await paper(), dark);
}));

test("nothing is wider than a phone, in any view", onSample(async (page) => {
  await page.setViewportSize(PHONE);
  const width = () => page.evaluate(() => document.documentElement.scrollWidth);
  assert.equal(await width(), PHONE.width);
  await page.click("#neutral");
  assert.equal(await width(), PHONE.width);
  await page.check("#view input[value=sides]");
  assert.equal(await width(), PHONE.width);
}));

test("nothing was asked of another origin, and no error came up", () => {
  assert.deepEqual(browser.foreign, []);
  assert.deepEqual(browser.errors, []);
});
