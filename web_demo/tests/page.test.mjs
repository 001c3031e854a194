// The page in chromium: what a person sees and does, and what leaves it: nothing.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { after, before } from "node:test";
import { open } from "./browser.mjs";
import { METADATA, ROOT } from "./golden.mjs";
import { PHONE, downloaded, figures, fingerprint, giveDrawn, openPage, ready, reset, rowsOf, statusStarts } from "./page_helpers.mjs";

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
  assert.equal(await page.textContent("#engine"), "Runs on the CPU, for which this model is made.");
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

const OBSERVE_LOADING = `window.said = [];
new MutationObserver(() => {
  const words = ["loading-text", "loading-bytes"].map((id) => document.getElementById(id)?.textContent).join("|");
  if (words !== window.said.at(-1)) window.said.push(words);
}).observe(document, { childList: true, characterData: true, subtree: true });`;

test("loading tells how much has come, then that the networks start", onPage({ init: OBSERVE_LOADING }, async (page) => {
  const said = await page.evaluate(() => window.said);
  assert.ok(said.some((words) => /^Loading the networks\|\d+\.\d of 1\d\.\d MB$/.test(words)), said.join("; "));
  assert.equal(said.at(-1), "Starting the networks|");
}));

test("bars keep their colors in high contrast; borders and hatches are seen: 3 to 1 or more", onSample(async (page) => {
  const fill = () => page.$eval("#bars .fill", (one) => getComputedStyle(one).backgroundColor);
  const before = await fill();
  await page.emulateMedia({ forcedColors: "active" });
  assert.equal(await fill(), before);
  await page.emulateMedia({ forcedColors: "none" });
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    const ratios = await page.evaluate(() => {
      const style = getComputedStyle(document.documentElement);
      const light = (name) => {
        const hex = style.getPropertyValue(name).trim().replace(/^#(.)(.)(.)$/, "#$1$1$2$2$3$3");
        const [red, green, blue] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255).map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue; // WCAG 2.2, relative luminance
      };
      const edge = light("--edge");
      return ["--card", "--paper", "--track"].map(light).map((other) => (Math.max(edge, other) + 0.05) / (Math.min(edge, other) + 0.05));
    });
    assert.ok(ratios.every((ratio) => ratio >= 3), `${colorScheme}: ${ratios}`);
    const [border, edge] = await page.$eval("#camera", (one) => [getComputedStyle(one).borderColor, getComputedStyle(document.documentElement).getPropertyValue("--edge").trim()]);
    assert.equal(border, `rgb(${[1, 3, 5].map((at) => parseInt(edge.slice(at, at + 2), 16)).join(", ")})`);
  }
  await page.emulateMedia({ colorScheme: "light" });
}));

test("a long video's plot draws each column of px once, with its largest values", onSample(async (page) => {
  const [count, peak] = await page.evaluate(async () => {
    const { columnsOf } = await import("/page/draw/time_plot.js");
    const samples = Array.from({ length: 20_000 }, (_, n) => ({ time: n / 25, faces: new Map([[0, { intensity: Float32Array.of(n === 12_345 ? 5 : 0.5) }]]) }));
    const columns = columnsOf(samples, (time) => time, 0); // 800 s on 800 px
    const places = columns.map(({ at, wide }) => [at, at + wide]);
    if (places.some(([from], n) => n && from !== places[n - 1][1])) return ["a gap", NaN];
    return [columns.length, columns.find(({ at }) => at === Math.floor(12_345 / 25)).levels[0]];
  });
  assert.deepEqual([count, peak], [800, 5]);
}));

test("the page's links lead to the model card and the guide", onSample(async (page) => {
  const texts = await page.$$eval(".about a", (links) => Promise.all(links.map(async ({ href }) => (await fetch(href)).text())));
  assert.match(texts[0], /^# .*fau_small_mesh|^# /);
  assert.match(texts[1], /^# In the browser/);
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
    execFileSync(PYTHON, ["-m", "fau_tf.cli.predict", SAMPLE, "--sides", "--no-draw", "--out", out], { cwd: ROOT, env: { ...process.env, OMP_NUM_THREADS: "1" } });
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

test("a neutral is subtracted from no other face of its picture; of other pictures, the note says whose it is", onSample(async (page) => {
  await giveDrawn(page, "dropped.png", [{ x: 0 }, { x: 256, tone: "brightness(0.6)" }]);
  await page.waitForSelector("#faces:visible");
  await page.click("#neutral");
  assert.ok(Object.values(await figures(page, 1)).every((value) => value === "0.0"), "a face above itself");
  await page.check("#faces input[value='1']");
  assert.ok(Object.values(await figures(page)).every((value) => /^\d\.\d$/.test(value)), "raw values stay");
  assert.ok(Object.values(await figures(page, 1)).every((value) => value === "–"), "another face");
  const { rows } = rowsOf((await downloaded(page, "#csv")).bytes.toString());
  assert.deepEqual(rows.map((row) => row.AU12_above_neutral), ["0.000", "NaN"]);
  assert.deepEqual(rows.map((row) => row.processing), ["neutral=dropped.png", "none"]);
  await giveDrawn(page, "dropped2.png", [{ x: 0 }]);
  await statusStarts(page, "One face");
  assert.ok(Object.values(await figures(page, 1)).every((value) => /^\d\.\d$/.test(value)), "another picture");
  assert.match(await page.textContent("#neutral-note"), /taken from dropped\.png; use it for this person only/);
}));

test("left and right have their own bars, or say that the AU has no sides", onSample(async (page) => {
  await page.check("#view input[value=sides]");
  const sided = new Set(METADATA.aus.filter(({ centers }) => centers.length === 2 && centers[0].name.endsWith("_left")).map(({ label }) => label));
  assert.equal(await page.textContent("#sides-note"), "Of the screen; unmirrored, a person's right is on the left. Differences below about 0.3 mean nothing.");
  assert.match(await page.textContent("#bars li .hidden-text"), /^left of the screen \d\.\d, right of the screen \d\.\d/);
  assert.ok(!sided.has("AU09") && sided.has("AU45"), "as Python has it");
  const [left, right] = [await figures(page), await figures(page, 1)];
  for (const label of LABELS) {
    if (sided.has(label)) assert.ok(Number.isFinite(Number(left[label])) && Number.isFinite(Number(right[label])), label);
    else assert.deepEqual([left[label], right[label]], ["no sides", ""], label);
  }
}));

test("the bars are copied as lines with tabs", onPage({ permissions: ["clipboard-read", "clipboard-write"] }, async (page) => {
  const values = await figures(page);
  await page.click("#copy");
  await page.waitForFunction(() => /^Copied: astronaut\.png, face 0/.test(document.getElementById("copied").textContent));
  const lines = (await page.evaluate(() => navigator.clipboard.readText())).trim().split("\n").map((line) => line.split("\t"));
  assert.deepEqual(lines[0], ["AU", "name", "intensity", "low", "high"]);
  assert.deepEqual(lines.slice(1).map(([label]) => label), LABELS);
  for (const [label, , intensity, low, high] of lines.slice(1)) {
    assert.ok(Math.abs(intensity - values[label]) <= 0.051, label); // bars have one decimal
    assert.ok(Number(low) <= intensity && intensity <= Number(high), label);
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

test("of several files, what is no picture and what has no face is told, by name", onSample(async (page) => {
  await page.setInputFiles("#files", [SAMPLE, path.join(ROOT, "README.md"), path.join(ROOT, "docs", "images", "accuracy.png")]);
  await page.waitForSelector("#message:visible");
  assert.equal((await page.textContent("#message p")).trim(),
    "No face in 1 of 3: accuracy.png. 1 of 3 can't be read as pictures by this browser: README.md. Choose JPEG, PNG, WebP or GIF files.");
  await statusStarts(page, "One face"); // the first one is shown
}));

test("while a picture is read it is shown, with dashes, and says so", onSample(async (page) => {
  await page.evaluate(async () => {
    const { page: state } = await import("/page/state.js");
    const { reader } = state;
    const gate = new Promise((resolve) => { window.openGate = resolve; });
    reader.read = async (...args) => { await gate; delete reader.read; return reader.read(...args); };
  });
  await giveDrawn(page, "dropped.png", [{ x: 0 }]);
  await page.waitForFunction(() => document.getElementById("picture").getAttribute("aria-label") === "dropped.png: Reading dropped.png…");
  assert.equal(await page.textContent("#status"), "Reading dropped.png…");
  assert.ok(Object.values(await figures(page)).every((value) => value === "–"));
  assert.ok(await page.isDisabled("#png"));
  const before = await fingerprint(page);
  assert.notEqual(before, 0, "the picture is drawn");
  await page.evaluate(() => window.openGate());
  await statusStarts(page, "One face");
  assert.notEqual(await fingerprint(page), before, "heatmaps come with the values");
}));

test("pictures that are turned fast: each result stands under its own name", onSample(async (page) => {
  await page.setInputFiles("#files", [SAMPLE, path.join(ROOT, "android_demo_assets", "golden", "overview.png")]);
  await page.waitForFunction(() => !document.getElementById("next").disabled && /^1 of 2/.test(document.getElementById("place").textContent));
  const [labels, disabled] = await page.evaluate(async () => {
    const picture = document.getElementById("picture");
    const seen = [];
    new MutationObserver(() => seen.push(picture.getAttribute("aria-label"))).observe(picture, { attributeFilter: ["aria-label"] });
    const [{ turn }, { page: state }] = await Promise.all([import("/page/open.js"), import("/page/state.js")]);
    const { reader } = state;
    let openGate;
    const gate = new Promise((resolve) => { openGate = resolve; });
    reader.read = async (...args) => { await gate; return Object.getPrototypeOf(reader).read.apply(reader, args); };
    const until = async (index) => { while (state.source.index !== index) await new Promise((resolve) => { setTimeout(resolve, 10); }); };
    const turns = [turn(1)];
    const whileTurning = ["previous", "next"].map((id) => document.getElementById(id).disabled);
    await until(1); // it is being read
    document.getElementById("png").click();
    turns.push(turn(1)); // faster than the buttons let a person turn
    await until(0);
    openGate();
    await Promise.all(turns);
    delete reader.read;
    return [seen, whileTurning];
  });
  assert.deepEqual(disabled, [true, true]);
  assert.ok(labels.length, "something is shown");
  for (const label of labels) assert.ok(/: Reading/.test(label) || /^astronaut/.test(label) === /: One face/.test(label), label);
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

test("a camera that is asked for can be canceled; one that comes late is stopped", onSample(async (page) => {
  await page.evaluate(() => {
    navigator.mediaDevices.getUserMedia = () => new Promise((resolve) => {
      const canvas = document.createElement("canvas");
      canvas.getContext("2d").fillRect(0, 0, 1, 1);
      window.stream = canvas.captureStream();
      window.allow = () => resolve(window.stream);
    });
  });
  await page.click("#camera");
  assert.match(await page.textContent("#status"), /^Starting the camera; allow it if the browser asks/);
  assert.equal(await page.textContent("#camera"), "Cancel");
  await page.click("#camera");
  assert.equal(await page.textContent("#camera"), "Use the camera");
  await statusStarts(page, "One face");
  await page.click("#camera");
  await giveDrawn(page, "dropped.png", [{ x: 0 }]); // the last request wins
  await statusStarts(page, "One face");
  await page.evaluate(() => window.allow());
  await page.waitForFunction(() => window.stream.getTracks().every((track) => track.readyState === "ended"));
  assert.match(await page.getAttribute("#picture", "aria-label"), /^dropped\.png: One face/);
  assert.equal(await page.isVisible("#playback"), false);
}));

test("a camera without a picture: the sentence comes after 15 s", onSample(async (page) => {
  await page.evaluate(() => { navigator.mediaDevices.getUserMedia = async () => new MediaStream(); });
  await page.click("#camera");
  await page.waitForSelector("#message:visible", { timeout: 60_000 });
  assert.match(await page.textContent("#message"), /Close that program.*no picture within 15 s/);
  assert.equal(await page.textContent("#camera"), "Use the camera");
}));

const COUNT_WORKERS = `window.alive = 0;
const { terminate } = Worker.prototype;
Worker.prototype.terminate = function () { window.alive -= 1; return terminate.call(this); };
window.Worker = class extends Worker { constructor(...args) { super(...args); window.alive += 1; } };`;

test("networks that are changed twice at once: the last ones are left, and no others", onPage({ init: COUNT_WORKERS }, async (page) => {
  assert.equal(await page.evaluate(() => window.alive), 1);
  await page.evaluate(() => {
    const variant = document.getElementById("variant");
    for (const value of ["float16", "int8"]) {
      variant.value = value;
      variant.dispatchEvent(new Event("change"));
    }
  });
  await ready(page);
  assert.match(await page.textContent("#model-note"), /int8/);
  await page.waitForFunction(() => window.alive === 1);
  assert.equal(await page.textContent("#rows-note").then((words) => words.slice(0, 5)), "1 row");
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
