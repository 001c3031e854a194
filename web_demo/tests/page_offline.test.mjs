// The page without a network, with an incomplete host, and against its own policy.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "node:test";
import { open } from "./browser.mjs";
import { figures, openPage, ready } from "./page_helpers.mjs";

test("the second load needs no network", async () => {
  const browser = await open();
  try {
    const page = await openPage(browser);
    const values = await figures(page);
    assert.match(await page.textContent("#offline"), /works without a network/);
    await page.context().setOffline(true);
    await assert.rejects(page.evaluate(() => fetch("/not-kept.txt")), "the network is off");
    const again = await page.context().newPage();
    await again.goto(`${browser.url}index.html`);
    await ready(again);
    assert.deepEqual(await figures(again), values);
    assert.deepEqual(browser.foreign, []);
  } finally {
    await browser.close();
  }
});

test("models that are not on the host: a sentence, a way to try again, no numbers", async () => {
  const empty = mkdtempSync(path.join(tmpdir(), "fau-"));
  const browser = await open({ folders: { "/models/": empty } });
  try {
    const page = await openPage(browser);
    assert.match(await page.textContent("#message"), /networks did not load\. Check that all files/);
    assert.equal(await page.textContent("#message button"), "Try again");
    assert.equal(await page.locator("#bars li").count(), 0);
    assert.equal(await page.isDisabled("#csv"), true);
  } finally {
    await browser.close();
    rmSync(empty, { recursive: true });
  }
});

test("the page's policy and its service worker refuse every other origin", async () => {
  let asked = 0;
  const other = createServer((_, response) => { asked += 1; response.writeHead(200, { "access-control-allow-origin": "*" }).end("got"); });
  await new Promise((resolve) => { other.listen(0, "127.0.0.1", resolve); });
  const address = `http://127.0.0.1:${other.address().port}/`;
  const browser = await open();
  try {
    // A page without the policy does reach it: the test can fail.
    const plain = await browser.page();
    assert.equal(await plain.evaluate(async (url) => (await fetch(url)).text(), address), "got");
    assert.equal(asked, 1);
    const page = await openPage(browser);
    await assert.rejects(page.evaluate((url) => fetch(url), address), "by the policy");
    const inWorker = await page.evaluate(async (url) => {
      const worker = new Worker(`/tests/asking_worker.js?${encodeURIComponent(url)}`);
      return new Promise((resolve) => { worker.onmessage = ({ data }) => resolve(data); });
    }, address);
    assert.equal(inWorker, "refused", "by the service worker");
    assert.equal(asked, 1);
  } finally {
    await browser.close();
    other.close();
  }
});
