// The snippets of docs/guide/browser.md run as they are, under a strict content security policy.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { open } from "./browser.mjs";
import { webm } from "./clip.mjs";
import { METADATA, ROOT } from "./golden.mjs";
import { ready } from "./page_helpers.mjs";

const GUIDE = readFileSync(path.join(ROOT, "docs", "guide", "browser.md"), "utf8");
const [photo, webcam] = [...GUIDE.matchAll(/```html\n(.*?)```/gs)].map(([, code]) => code);
const POLICY = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval' 'unsafe-inline'; worker-src 'self'; connect-src 'self'";

const browser = await open({ flags: ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"] });
test.after(() => browser.close());

/** Return the text of an element of a snippet, once it matches. */
async function textOf(code, selector, expected) {
  const page = await browser.page();
  await page.context().route("**/snippet.html", (route) =>
    route.fulfill({ body: `<!doctype html><link rel="icon" href="data:,">${code}`, contentType: "text/html", headers: { "Content-Security-Policy": POLICY } }),
  );
  await page.goto(`${browser.url}snippet.html`);
  const element = page.locator(selector).filter({ hasText: expected });
  await element.waitFor({ state: "attached", timeout: 120_000 });
  const text = await element.textContent();
  await page.context().close();
  return text;
}

test("the photo's snippet lists all AUs", async () => {
  const lines = (await textOf(photo, "pre", /AU12 \d/)).split("\n");
  assert.deepEqual(lines.map((line) => line.split(" ")[0]), METADATA.aus.map(({ label }) => label));
});

test("the photo's snippet keeps faces apart", async () => {
  const blocks = (await textOf(photo.replace("sample/astronaut.png", "project/android_demo_assets/golden/overview.png"), "pre", /AU12 \d/)).split("\n\n");
  assert.ok(blocks.length > 1, "several faces");
  for (const block of blocks) assert.ok([1, METADATA.aus.length].includes(block.split("\n").length), block);
});

test("the webcam's snippet reads frames", async () => {
  assert.equal(await textOf(webcam, "p", /no face found|AU12/), "no face found"); // chromium's test pattern
});

// A camera that gives the sample, too dark to be read.
const DARK = `<script>
  navigator.mediaDevices.getUserMedia = async () => {
    const picture = await createImageBitmap(await (await fetch("/sample/astronaut.png")).blob());
    const canvas = Object.assign(document.createElement("canvas"), { width: 256, height: 256 });
    const context = canvas.getContext("2d");
    const draw = () => { context.filter = "brightness(0.04)"; context.drawImage(picture, 0, 0); };
    draw();
    setInterval(draw, 40);
    return canvas.captureStream(25);
  };
</script>`;

test("the webcam's snippet says why a face is not read", async () => {
  assert.match(await textOf(`${DARK}${webcam}`, "p", /^too|AU12|no face/), /^too /);
});

test("under the policy that the guide names, the page reads a video file", async () => {
  const [named] = /a Content-Security-Policy, it has to allow [^]*?\.\n/.exec(GUIDE);
  const policy = ["default-src 'self'", ...[...named.matchAll(/`(.*?)`/g)].map(([, directive]) => directive)].join("; ");
  const page = await browser.page();
  await page.context().route("**/index.html", async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, headers: { ...response.headers(), "Content-Security-Policy": policy } });
  });
  const clip = await webm(page, "/sample/astronaut.png", { count: 3 });
  await page.goto(`${browser.url}index.html`);
  await ready(page);
  await page.setInputFiles("#files", { name: "clip.webm", mimeType: "video/webm", buffer: clip });
  await page.waitForFunction(() => /^clip\.webm: One face/.test(document.getElementById("picture").getAttribute("aria-label")), null, { timeout: 120_000 });
  await page.context().close();
});

test("nothing else was asked for, and nothing failed", () => {
  assert.deepEqual(browser.foreign, []);
  assert.deepEqual(browser.errors.filter((error) => !error.includes("favicon") && !/data:,/.test(error)), []);
});
