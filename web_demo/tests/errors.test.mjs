// Bad input: each is a sentence that says what to do, and never a silent zero.
import assert from "node:assert/strict";
import test from "node:test";
import { open } from "./browser.mjs";
import { METADATA, ROOT } from "./golden.mjs";
import { serve } from "./server.mjs";

let breaks = 0; // downloads that still break off
const breaking = (response) => {
  response.writeHead(200, { "content-length": "10", "cache-control": "no-store" });
  if (breaks-- > 0) response.write("12345", () => setTimeout(() => response.destroy(), 100));
  else response.end("1234567890");
};
const browser = await open({ answers: { "/breaking.bin": breaking } });
const page = await browser.page();
test.after(() => browser.close());

/** Return the message of the error that code in the page throws. */
const message = (code, target = page) =>
  target.evaluate(async (code) => {
    const { FauReader } = await import("/src/reader.js");
    const run = new (async () => {}).constructor("FauReader", code);
    try {
      return `no error: ${JSON.stringify(await run(FauReader))}`;
    } catch (error) {
      return error.message;
    }
  }, code);

await page.evaluate(async () => {
  const { FauReader } = await import("/src/reader.js");
  window.reader = await FauReader.load(undefined, { accelerator: "wasm", variant: "int8" });
});

const READS = {
  "a text file": [`return reader.read(new Blob(["hello"], { type: "text/plain" }))`, /no picture that the browser can read.*JPEG/],
  "a truncated picture": [
    `const bytes = await (await fetch("/sample/astronaut.png")).arrayBuffer(); return reader.read(new Blob([bytes.slice(0, 50)]))`,
    /no picture that the browser can read/,
  ],
  "a broken img": [`const img = new Image(); img.src = "/no.png"; return reader.read(img)`, /can't be loaded or decoded: .*no\.png/],
  "a video without a frame": [`return reader.read(document.createElement("video"))`, /no frame yet.*loadeddata/],
  "an empty canvas": [`const canvas = document.createElement("canvas"); canvas.width = 0; return reader.read(canvas)`, /picture/],
  "no source": [`return reader.read(null)`, /no picture that the browser can read/],
  "another mode": [`return reader.read(new ImageData(1, 1), { mode: "film" })`, /mode must be one of image, video, not "film"/],
  "options that are null": [`return (await reader.read(new ImageData(64, 64), null)).faces`, /no error: \[\]/],
  "no faces wanted": [`return reader.read(new ImageData(1, 1), { maxFaces: 0 })`, /maxFaces must be 1 or more, not 0/],
};

test("a picture of another site without CORS headers", async () => {
  const other = await serve({ "/": `${ROOT}/docs/sample` });
  try {
    const code = `const img = new Image(); img.src = "${other.url}astronaut.png"; return reader.read(img)`;
    assert.match(await message(code), /Pictures of other sites need CORS headers/);
  } finally {
    other.close();
  }
});

for (const [what, [code, expected]] of Object.entries(READS)) {
  test(`read ${what}`, async () => assert.match(await message(code), expected));
}

test("a picture without a face has no faces, and the reader goes on after errors", async () => {
  assert.equal(await message(`return (await reader.read(new ImageData(64, 64))).faces`), "no error: []");
});

test("a transparent picture lies on white", async () => {
  const code = `const one = new ImageData(2, 2); const { onWhite } = await import("/src/engine/pixels.js"); return Array.from(onWhite(one).data.slice(0, 4))`;
  assert.equal(await message(code), "no error: [255,255,255,255]");
});

const LOADS = {
  "another variant": [`return FauReader.load(undefined, { variant: "int4" })`, /variant must be one of .*float16.*not "int4"/],
  "another accelerator": [`return FauReader.load(undefined, { accelerator: "tpu" })`, /accelerator must be one of auto, wasm, webgpu, not "tpu"/],
  "a folder that is none": [`return FauReader.load("/nowhere/")`, /nowhere.*404.*make web/],
};

for (const [what, [code, expected]] of Object.entries(LOADS)) {
  test(`load ${what}`, async () => assert.match(await message(code), expected));
}

test("a download that breaks off is tried once more; the progress counts its bytes once", async () => {
  const code = `const { download } = await import("/src/engine/runtime/download.js"); let sum = 0; const pieces = [];
    const { length } = await download("/breaking.bin", { onBytes: (bytes) => { sum += bytes; pieces.push(bytes); } });
    return { length, sum, back: Math.min(...pieces) }`;
  breaks = 1;
  assert.equal(await message(code), `no error: {"length":10,"sum":10,"back":-5}`);
  breaks = 2;
  assert.match(await message(code), /breaking\.bin: the download broke off twice.*Reload the page/);
});

test("webgpu where there is none falls back to wasm and tells why", async () => {
  const code = `const one = await FauReader.load(undefined, { accelerator: "webgpu" }); const { accelerator, whyNot } = one.info; one.close(); return { accelerator, whyNot }`;
  assert.match(await message(code), /"accelerator":"wasm","whyNot":"(WebGPU|this browser has no WebGPU)/);
});

test("int8 on webgpu runs on wasm and tells why", async () => {
  const code = `const one = await FauReader.load(undefined, { accelerator: "webgpu", variant: "int8" }); return one.info.whyNot`;
  assert.match(await message(code), /made for the CPU/);
});

test("NaN in the model's heatmaps is an error, not a reading", async () => {
  const code = `const { Network } = await import("/src/engine/runtime/litert.js");
    const { run } = Network.prototype;
    const one = await FauReader.load(undefined, { accelerator: "wasm", variant: "int8", inPage: true });
    Network.prototype.run = async function (input) {
      const found = await run.call(this, input);
      if (found.heatmaps) found.heatmaps[7] = NaN;
      return found;
    };
    try {
      return await one.read(await (await fetch("/sample/astronaut.png")).blob());
    } finally {
      Network.prototype.run = run;
      one.close();
    }`;
  assert.match(await message(code), /NaN on this device.*accelerator: "wasm"/);
});

test("a closed reader says so", async () => {
  const code = `const one = await FauReader.load(undefined, { accelerator: "wasm", variant: "int8" }); one.close(); return one.read(new ImageData(1, 1))`;
  assert.match(await message(code), /closed.*FauReader\.load/);
});

/** Return the error of loading while a file is answered otherwise. */
async function loadWith(pattern, answer) {
  const other = await browser.page();
  // Requests of workers are those of the context.
  await other.context().route(pattern, answer);
  const found = await message(`return FauReader.load(undefined, { accelerator: "wasm" })`, other);
  await other.context().close();
  return found;
}

test("a model that is missing, corrupt or cut off", async () => {
  const file = METADATA.variants.float16.file;
  const pattern = `**/${file}`;
  assert.match(await loadWith(pattern, (route) => route.fulfill({ status: 404 })), new RegExp(`${file}.*404.*whole folder`));
  const corrupt = await loadWith(pattern, (route) => route.fulfill({ status: 200, body: "not a model" }));
  assert.match(corrupt, new RegExp(`${file}.*SHA-256.*reload`));
  assert.match(await loadWith(pattern, (route) => route.abort()), /can't be fetched.*connection/);
});

test("wasm that is missing", async () => {
  assert.match(await loadWith("**/*.wasm", (route) => route.fulfill({ status: 404 })), /\.wasm.*404.*whole folder/);
});

test("metadata that is none, or of another version", async () => {
  const pattern = "**/fau_metadata.json";
  assert.match(await loadWith(pattern, (route) => route.fulfill({ body: "<html>" })), /fau_metadata\.json.*not a JSON file/);
  const body = JSON.stringify({ ...METADATA, contract_version: 9 });
  assert.match(await loadWith(pattern, (route) => route.fulfill({ body })), /contract_version must be 1 or 2, not 9/);
});
