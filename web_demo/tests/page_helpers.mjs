// What the tests of the page do with it.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import path from "node:path";
import test, { after, before } from "node:test";
import { open } from "./browser.mjs";
import { ROOT } from "./golden.mjs";

export const SAMPLE = path.join(ROOT, "docs", "sample", "astronaut.png");

export const DESKTOP = { width: 1280, height: 900 };
export const PHONE = { width: 360, height: 740 };
const LOADED_MS = 120_000; // networks start in seconds; a busy machine takes longer

/**
 * Open the page and wait until the sample is read, or until it says why nothing is.
 *
 * @param browser of browser.mjs.
 * @param address what follows index.html.
 * @param init a function that runs in the page before its own scripts.
 */
export async function openPage(browser, { address = "", size = DESKTOP, media = {}, init = null, permissions = [] } = {}) {
  const page = await browser.page();
  page.setDefaultTimeout(LOADED_MS);
  await page.setViewportSize(size);
  await page.emulateMedia(media);
  await page.context().grantPermissions(permissions, { origin: browser.url });
  if (init) await page.addInitScript(init);
  await page.goto(`${browser.url}index.html${address}`);
  await ready(page);
  return page;
}

export async function ready(page) {
  await page.waitForFunction(() => document.documentElement.dataset.ready, null, { timeout: LOADED_MS });
}

/**
 * Start a browser for the tests of a file. Return {onSample, onPage, testQuiet}: `onSample` runs a test on the shared
 * page, with the sample and the choices as after loading; `onPage` on a page of its own, with options of `openPage`;
 * `testQuiet`, called last, tests that nothing was asked of another origin.
 */
export function withPages() {
  let browser;
  let shared;
  before(async () => {
    browser = await open();
    shared = await openPage(browser);
  });
  after(async () => { await browser.close(); });
  const onSample = (act) => async () => {
    try {
      await act(shared);
    } finally {
      await reset(shared);
    }
  };
  const onPage = (options, act) => async () => {
    const page = await openPage(browser, options);
    try {
      await act(page);
    } finally {
      await page.context().close();
    }
  };
  const testQuiet = () => test("nothing was asked of another origin, and no error came up", () => {
    assert.deepEqual(browser.foreign, []);
    assert.deepEqual(browser.errors, []);
  });
  return { onSample, onPage, testQuiet };
}

/** Bring a page back to the sample and to the choices as after loading. */
async function reset(page) {
  await page.setViewportSize(DESKTOP);
  if (await page.isVisible("#no-neutral")) await page.click("#no-neutral");
  await page.check("#view input[value=whole]");
  for (const open of await page.$$("#bars [aria-expanded=true]")) await open.click();
  await page.check("#heat input[value=all]");
  await page.click("#sample");
  await statusStarts(page, "One face");
  await page.click("#clear");
  await page.click("#sample");
  await statusStarts(page, "One face");
  await page.waitForFunction(() => document.getElementById("rows-note").textContent.startsWith("1 row "));
  await page.evaluate(() => document.activeElement.blur());
}

/** Wait for the line below the picture. A click on a source changes it at once. */
export function statusStarts(page, words) {
  return page.waitForFunction((start) => document.getElementById("status").textContent.startsWith(start), words);
}

/** Return {label: text} of the first figures of all bars. */
export function figures(page, column = 0) {
  return page.$$eval("#bars li", (items, at) => Object.fromEntries(items.map((item) => [
    item.querySelector("b").textContent.replace("*", ""), item.querySelectorAll(".value")[at].textContent,
  ])), column);
}

/** Drop (or paste, by its name) a picture with copies of the sample: {x, tone: a filter of the canvas}. */
export function giveDrawn(page, name, copies) {
  return page.evaluate(async ({ name, copies }) => {
    const sample = await createImageBitmap(await (await fetch("sample/astronaut.png")).blob());
    const canvas = new OffscreenCanvas(256 * copies.length, 256);
    const context = canvas.getContext("2d");
    for (const { x, tone = "none" } of copies) {
      context.filter = tone;
      context.drawImage(sample, x, 0);
    }
    const data = new DataTransfer();
    data.items.add(new File([await canvas.convertToBlob()], name, { type: "image/png" }));
    const event = name.startsWith("paste") ? new ClipboardEvent("paste", { clipboardData: data }) : new DragEvent("drop", { dataTransfer: data, cancelable: true });
    window.dispatchEvent(event);
  }, { name, copies });
}

/** Click a button that starts a download; return its name and bytes. */
export async function downloaded(page, selector) {
  const [file] = await Promise.all([page.waitForEvent("download"), page.click(selector)]);
  return { name: file.suggestedFilename(), bytes: await readFile(await file.path()) };
}

/** Return the rows of a CSV text as objects; cells of these files have no line ends in them. */
export function rowsOf(text) {
  const [head, ...lines] = text.trimEnd().split("\n").map((line) => [...line.matchAll(/("(?:[^"]|"")*"|[^,]*)(?:,|$)/g)].map((match) => match[1]));
  const columns = head.slice(0, -1); // the pattern also matches the empty end
  return { columns, rows: lines.map((cells) => Object.fromEntries(columns.map((name, i) => [name, cells[i]]))) };
}

/** Return a number that changes with any pixel of the stage. */
export function fingerprint(page) {
  return page.$eval("#picture", (canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let sum = 0;
    for (let i = 0; i < data.length; i += 1) sum = (sum * 31 + data[i]) >>> 0;
    return sum;
  });
}
