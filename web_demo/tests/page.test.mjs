// The page in chromium: what a person sees and does, and what leaves it: nothing.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "node:test";
import { METADATA, ROOT } from "./golden.mjs";
import { PHONE, SAMPLE, downloaded, figures, fingerprint, giveDrawn, ready, rowsOf, statusStarts, withPages } from "./page_helpers.mjs";

const PYTHON = process.env.PYTHON ?? path.join(ROOT, ".venv", "bin", "python");
const LABELS = METADATA.aus.map(({ label }) => label);
// The crop moves with the mesh, which is the same to 0.05 px; three decimals are written.
const INTENSITY = 0.15;
const { onSample, onPage, testQuiet } = withPages();

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
  const copied = async () => {
    await page.evaluate(() => navigator.clipboard.writeText(""));
    await page.click("#copy");
    await page.waitForFunction(() => document.getElementById("copied").textContent);
    return (await page.evaluate(() => navigator.clipboard.readText())).trim().split("\n").map((line) => line.split("\t"));
  };
  await page.click("#neutral");
  const [compared, ...net] = await copied();
  assert.deepEqual(compared, ["AU", "name", "intensity", "low", "high", "above neutral"]);
  assert.ok(net.every((line) => line[5] === "0.000"), "a face above itself");
  await page.check("#view input[value=sides]");
  const [sides, ...sided] = await copied();
  assert.deepEqual(sides, ["AU", "name", "left of the screen", "right of the screen"]);
  const columns = [await figures(page), await figures(page, 1)];
  for (const [label, , ...both] of sided) {
    both.forEach((value, i) => {
      if (value === "NaN") assert.match(columns[i][label], /^(no sides|)$/, label);
      else assert.ok(Math.abs(value - columns[i][label]) <= 0.051, label);
    });
  }
  await page.click("#sample");
  await page.waitForFunction(() => !document.getElementById("copied").textContent);
}));

test("the PNG file has the picture and the bars", onSample(async (page) => {
  const { name, bytes } = await downloaded(page, "#png");
  assert.equal(name, "astronaut_au.png");
  assert.equal(bytes.toString("latin1", 1, 4), "PNG");
  assert.ok(bytes.readUInt32BE(16) > 1000 && bytes.readUInt32BE(20) > 600, "px");
  assert.ok(bytes.length > 200_000, "bytes");
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

testQuiet();
