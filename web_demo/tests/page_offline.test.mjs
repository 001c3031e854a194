// The page without a network, with an incomplete host, and against its own policy.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "node:test";
import { FOLDER, open } from "./browser.mjs";
import { ROOT } from "./golden.mjs";
import { figures, openPage, ready } from "./page_helpers.mjs";

test("the second load needs no network", async () => {
  const browser = await open();
  try {
    const init = `window.lookedUp = [];
      const { match } = CacheStorage.prototype;
      CacheStorage.prototype.match = function (key) { window.lookedUp.push(new URL(key).pathname); return match.call(this, key); };`;
    const page = await openPage(browser, { init });
    const values = await figures(page);
    await page.waitForFunction(() => /works without a network/.test(document.getElementById("offline").textContent));
    const lookedUp = (await page.evaluate(() => window.lookedUp)).join();
    for (const name of [/^\/,|,\/,/, /page\/app\.js/, /\.wasm/, /\.tflite/]) assert.match(lookedUp, name, "kept before it is told");
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

test("the page is kept once, whatever its address asks for: no older one comes back", async () => {
  const [html, script] = ["index.html", "sw.js"].map((name) => readFileSync(path.join(FOLDER, name), "utf8"));
  const host = { status: 200, page: 1, worker: 1 };
  const answer = (response) => response.writeHead(host.status, { "content-type": "text/html; charset=utf-8" }).end(html.replace("</footer>", `</footer><!-- version ${host.page} -->`));
  const worker = (response) => response.writeHead(200, { "content-type": "text/javascript" }).end(`${script}// ${host.worker}`);
  const browser = await open({ answers: { "/": answer, "/index.html": answer, "/sw.js": worker } });
  const kept = (page) => page.evaluate(async () => {
    const cache = await caches.open("fau-page");
    const pages = (await cache.keys()).filter(({ url }) => /^\/(index\.html)?$/.test(new URL(url).pathname));
    return Promise.all(pages.map(async (one) => [one.url.slice(location.origin.length), /version \d/.exec(await (await cache.match(one)).text())[0]]));
  });
  const only = async (page, version) => {
    const until = Date.now() + 20_000;
    while (Date.now() < until && JSON.stringify(await kept(page)) !== JSON.stringify([["/", version]])) await page.waitForTimeout(50);
    assert.deepEqual(await kept(page), [["/", version]]);
  };
  try {
    const page = await openPage(browser, { address: "?variant=float16" });
    await only(page, "version 1");
    // What earlier workers kept: the newest page is the last one, wherever it lies.
    await page.evaluate(async () => {
      const cache = await caches.open("fau-page");
      for (const [key, version] of [["/?old", 3], ["/index.html", 3], ["/", 4], ["/index.html", 5]]) await cache.put(key, new Response(`version ${version}`));
    });
    host.worker = 2;
    await page.evaluate(async () => { await (await navigator.serviceWorker.ready).update(); });
    await only(page, "version 5");
    host.page = 2;
    await page.goto(browser.url);
    await only(page, "version 2");
    Object.assign(host, { status: 503, page: 3 });
    await page.goto(`${browser.url}index.html`);
    assert.match(await page.content(), /version 2/, "the host can't answer");
    await page.context().setOffline(true);
    await page.goto(`${browser.url}index.html?variant=float16`);
    assert.match(await page.content(), /version 2/);
    assert.equal(await page.evaluate(() => location.search), "?variant=float16");
    await only(page, "version 2");
  } finally {
    await browser.close();
  }
});

/** Return what a promise gives, or fail after some seconds. */
const soon = (promise, what) => Promise.race([promise, new Promise((_, reject) => { setTimeout(() => reject(new Error(what)), 20_000); })]);

test("the service worker hands bytes on as they come, also where nothing can be kept", async () => {
  let finish;
  const slow = (response) => {
    response.writeHead(200, { "content-type": "application/octet-stream" }).write(Buffer.alloc(100_000));
    finish = () => response.end(Buffer.alloc(100_000));
  };
  const browser = await open({ answers: { "/models/slow.bin": slow } });
  try {
    const page = await openPage(browser);
    const [worker] = page.context().serviceWorkers();
    const failures = ["0", `Cache.prototype.put = async () => { throw new DOMException("told by the test", "QuotaExceededError"); }; 0`,
      `caches.open = async () => { throw new DOMException("told by the test", "SecurityError"); }; 0`];
    for (const failure of failures) {
      await worker.evaluate(failure);
      const begin = page.evaluate(async () => {
        window.pieces = (await fetch("/models/slow.bin")).body.getReader();
        return (await window.pieces.read()).value.length;
      });
      const first = await soon(begin, "the first half comes with the second");
      finish();
      const rest = await soon(page.evaluate(async () => {
        let sum = 0;
        for (let piece = await window.pieces.read(); !piece.done; piece = await window.pieces.read()) sum += piece.value.length;
        return sum;
      }), "the second half doesn't come");
      assert.equal(first + rest, 200_000, failure);
    }
    assert.equal(await worker.evaluate(() => caches.open("fau-page").then(() => "open", () => "fails")), "fails", "the fault was there");
  } finally {
    await browser.close();
  }
});

test("opened as a file, the page says how to open it", async () => {
  const browser = await open();
  try {
    const page = await (await browser.browser.newContext()).newPage();
    await page.goto(`file://${path.join(FOLDER, "index.html")}`);
    await page.waitForSelector("#late", { state: "visible" });
    assert.match(await page.textContent("#late"), /Still nothing\? Open this page by https or http:\/\/localhost/);
  } finally {
    await browser.close();
  }
});

test("models that are not on the host: a sentence, a way to try again, no numbers", async () => {
  const empty = mkdtempSync(path.join(tmpdir(), "fau-"));
  const browser = await open({ folders: { "/models/": empty } });
  try {
    const page = await openPage(browser, { address: "?accelerator=webgpu&variant=float16" });
    const said = await page.textContent("#message p");
    assert.match(said, /^The networks did not load\. Check your connection, then try again\./);
    assert.ok(!/GPU/.test(said), "the GPU has no part in it");
    assert.equal(await page.textContent("#message button"), "Try again");
    assert.equal(await page.locator("#bars li").count(), 0);
    assert.equal(await page.isDisabled("#csv"), true);
  } finally {
    await browser.close();
    rmSync(empty, { recursive: true });
  }
});

test("the page's policy and its service worker refuse every other origin; pages beside it may ask", async () => {
  let asked = 0;
  const other = createServer((_, response) => { asked += 1; response.writeHead(200, { "access-control-allow-origin": "*" }).end("got"); });
  await new Promise((resolve) => { other.listen(0, "127.0.0.1", resolve); });
  const address = `http://127.0.0.1:${other.address().port}/`;
  // Workers of the page lie in src/.
  const browser = await open({ folders: { "/src/tests/": path.join(ROOT, "web_demo", "tests") } });
  try {
    // A page without the policy does reach it: the test can fail.
    const plain = await browser.page();
    assert.equal(await plain.evaluate(async (url) => (await fetch(url)).text(), address), "got");
    assert.equal(asked, 1);
    const page = await openPage(browser);
    await assert.rejects(page.evaluate((url) => fetch(url), address), "by the policy");
    const inWorker = await page.evaluate(async (url) => {
      const worker = new Worker(`/src/tests/asking_worker.js?${encodeURIComponent(url)}`);
      return new Promise((resolve) => { worker.onmessage = ({ data }) => resolve(data); });
    }, address);
    assert.equal(inWorker, "refused", "by the service worker");
    assert.equal(asked, 1);
    // The service worker is in charge of the whole address, also of what lies there besides.
    const beside = await page.context().newPage();
    await beside.goto(`${browser.url}tests/blank.html`);
    assert.ok(await beside.evaluate(() => navigator.serviceWorker.controller !== null));
    assert.equal(await beside.evaluate(async (url) => (await fetch(url)).text(), address), "got");
    const kept = await beside.evaluate(async () => (await (await caches.open("fau-page")).keys()).map(({ url }) => new URL(url).pathname));
    assert.ok(kept.includes("/style.css") && !kept.includes("/tests/blank.html"), kept.join());
  } finally {
    await browser.close();
    other.close();
  }
});
