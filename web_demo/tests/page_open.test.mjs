// What is opened on the page: pictures, files that are none, cameras that don't come, and other networks.
import assert from "node:assert/strict";
import path from "node:path";
import test from "node:test";
import { ROOT } from "./golden.mjs";
import { SAMPLE, downloaded, figures, fingerprint, giveDrawn, ready, rowsOf, statusStarts, withPages } from "./page_helpers.mjs";

const { onSample, onPage, testQuiet } = withPages();

/** Return the sources of the rows of a CSV file, each once. */
const sourcesOf = (bytes) => [...new Set(rowsOf(bytes.toString()).rows.map((row) => row.source))];

test("several pictures: each is read, has a row, and can be shown again", onSample(async (page) => {
  await page.setInputFiles("#files", [SAMPLE, path.join(ROOT, "android_demo_assets", "golden", "overview.png")]);
  await page.waitForFunction(() => /^2 of 2/.test(document.getElementById("place").textContent));
  await page.click("#next"); // once both are read and the first one is shown
  await page.waitForFunction(() => /^2 of 2: overview/.test(document.getElementById("place").textContent) && document.getElementById("status").textContent);
  const { name, bytes } = await downloaded(page, "#csv");
  assert.equal(name, "fau_au.csv", "of several sources");
  assert.deepEqual(sourcesOf(bytes), ["astronaut.png", "overview.png"]);
}));

test("the sample's row goes with it; that of a picture with its name stays", onSample(async (page) => {
  const names = ["first.png", "astronaut.png", "last.png"]; // the label tells each from the one before
  for (const name of names) {
    await giveDrawn(page, name, [{ x: 0 }]);
    await page.waitForFunction((words) => document.getElementById("picture").getAttribute("aria-label").startsWith(words), `${name}: One face`);
  }
  assert.deepEqual(sourcesOf((await downloaded(page, "#csv")).bytes), names);
}));

const NO_CAMERA = () => { navigator.mediaDevices.getUserMedia = async () => { throw new DOMException("told by the test", "NotFoundError"); }; };

test("what is asked for while the networks load is opened once they are there; the last one wins", onPage({ init: NO_CAMERA }, async (page) => {
  const shown = () => page.getAttribute("#picture", "aria-label");
  const connected = () => page.waitForFunction(() => document.getElementById("late").hidden && !document.documentElement.dataset.ready);
  // From the first load on.
  await page.reload({ waitUntil: "commit" });
  await connected();
  await giveDrawn(page, "dropped.png", [{ x: 0 }]);
  assert.equal(await page.textContent("#status"), "dropped.png opens when the networks are ready.");
  await ready(page);
  assert.match(await shown(), /^dropped\.png: One face/);
  assert.match(await page.textContent("#rows-note"), /^1 row /);
  // And while others load.
  await page.evaluate(() => { document.getElementById("variant").value = "float16"; document.getElementById("variant").dispatchEvent(new Event("change")); });
  await page.click("#camera");
  assert.equal(await page.textContent("#status"), "The camera starts when the networks are ready.");
  assert.equal(await page.textContent("#camera"), "Cancel");
  await page.click("#camera");
  assert.equal(await page.textContent("#status"), "");
  assert.equal(await page.textContent("#camera"), "Use the camera");
  await giveDrawn(page, "other.png", [{ x: 0 }]);
  await page.click("#camera");
  await ready(page);
  assert.match(await page.textContent("#message"), /No camera was found/);
  assert.equal(await shown(), "No picture");
  assert.match(await page.textContent("#model-note"), /float16/);
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

test("what was said of a source goes with it, and its pictures' end lets nobody turn the next ones", onSample(async (page) => {
  const [saidLeft, disabled] = await page.evaluate(async () => {
    const [{ openFiles }, { message, page: state }] = await Promise.all([import("/page/open.js"), import("/page/state.js")]);
    const sample = await (await fetch("sample/astronaut.png")).blob();
    const files = (...names) => names.map((name) => new File([sample], name, { type: "image/png" }));
    const { createImageBitmap } = window;
    window.createImageBitmap = (...args) => {
      window.createImageBitmap = createImageBitmap;
      message.show("The one before could not be read.");
      return createImageBitmap(...args);
    };
    await openFiles(files("next.png"));
    const left = message.shown;
    const { reader } = state;
    const { read } = Object.getPrototypeOf(reader);
    let [count, openGate] = [0, null];
    const gate = new Promise((resolve) => { openGate = resolve; });
    reader.read = async (...args) => {
      count += 1;
      if (count === 3) await gate; // the first one again, to be shown
      return read.apply(reader, args);
    };
    const first = openFiles(files("a.png", "b.png"));
    while (count < 3) await new Promise((resolve) => { setTimeout(resolve, 10); });
    const second = openFiles(files("c.png", "d.png"));
    while (state.source.files[0].name !== "c.png") await new Promise((resolve) => { setTimeout(resolve, 10); });
    openGate();
    await first;
    const meanwhile = document.getElementById("next").disabled;
    await second;
    delete reader.read;
    return [left, meanwhile];
  });
  assert.equal(saidLeft, false);
  assert.equal(disabled, true);
  assert.equal(await page.isDisabled("#next"), false);
}));

test("a video's neutral is not that of a person who came alone later, nor after a step back", onSample(async (page) => {
  const own = await page.evaluate(async () => {
    const [{ read }, { ownNeutral }, { at, chosenFace, noSource, page: state }] = await Promise.all(
      ["reading", "show", "state"].map((name) => import(`/page/${name}.js`)));
    const { reader, source: { shown: { frame, faces: [face], milliseconds } } } = state;
    const playback = { video: document.createElement("video"), pause() {}, close() {} };
    state.source = Object.assign(noSource(), { name: "made.webm", playback });
    at("time").hidden = false;
    const alone = async (id, time) => {
      reader.read = async () => ({ faces: [{ ...face, id }], milliseconds });
      await read(state.source, frame, { time });
      delete reader.read;
      if (!state.neutral) at("neutral").click();
      return ownNeutral(chosenFace()) !== null;
    };
    // The second person's id is 0 once the reader begins anew.
    return [await alone(0, 0), await alone(0, 0.5), await alone(1, 1), await alone(1, 1.5), await alone(0, 1.2)];
  });
  assert.deepEqual(own, [true, true, false, false, false]);
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

testQuiet();
