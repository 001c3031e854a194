// Made clips of a picture that moves sideways: Y4M for the fake camera, WebM as a video file.
// The browser draws the frames, since it has the decoder; both files are the same each time.

/** Return the bytes of a Y4M clip, whose frames are raw. */
export async function y4m(page, address, { width = 320, height = 240, count = 10, fps = 25 } = {}) {
  const bytes = await drawn(page, address, { width, height, count, type: "raw" });
  const parts = [Buffer.from(`YUV4MPEG2 W${width} H${height} F${fps}:1 Ip A1:1 C420jpeg XCOLORRANGE=LIMITED\n`)];
  for (const frame of bytes) parts.push(Buffer.from("FRAME\n"), planes(frame, width, height));
  return Buffer.concat(parts);
}

/** Return the bytes of a WebM clip. Its frames are those of lossy WebP pictures: VP8 key frames. */
export async function webm(page, address, { width = 320, height = 240, count = 10, fps = 25 } = {}) {
  const frames = (await drawn(page, address, { width, height, count, type: "image/webp" })).map(vp8Of);
  const milliseconds = Buffer.alloc(8);
  milliseconds.writeDoubleBE((1000 * count) / fps);
  const blocks = frames.map((frame, n) => {
    const head = Buffer.from([0x81, 0, 0, 0x80]); // track 1, time in the cluster, key frame
    head.writeInt16BE(Math.round((1000 * n) / fps), 1);
    return node("a3", head, frame);
  });
  return Buffer.concat([
    node("1a45dfa3", node("4286", number(1)), node("42f7", number(1)), node("42f2", number(4)), node("42f3", number(8)),
      node("4282", Buffer.from("webm")), node("4287", number(2)), node("4285", number(2))),
    node("18538067",
      node("1549a966", node("2ad7b1", number(1_000_000)), node("4489", milliseconds), node("4d80", Buffer.from("test")), node("5741", Buffer.from("test"))),
      node("1654ae6b", node("ae", node("d7", number(1)), node("73c5", number(1)), node("83", number(1)), node("86", Buffer.from("V_VP8")),
        node("e0", node("b0", number(width)), node("ba", number(height))))),
      node("1f43b675", node("e7", number(0)), ...blocks)),
  ]);
}

/** Return a node of EBML (RFC 8794): id, size in eight bytes, content. */
function node(id, ...content) {
  const size = Buffer.alloc(8);
  size.writeBigUInt64BE(BigInt(content.reduce((sum, part) => sum + part.length, 0)));
  size[0] = 0x01;
  return Buffer.concat([Buffer.from(id, "hex"), size, ...content]);
}

function number(value) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** Return the VP8 frame of a lossy WebP picture. */
function vp8Of(webp) {
  for (let at = 12; at < webp.length;) {
    const size = webp.readUInt32LE(at + 4);
    if (webp.toString("latin1", at, at + 4) === "VP8 ") return webp.subarray(at + 8, at + 8 + size);
    at += 8 + size + (size % 2);
  }
  throw new Error("the browser gave no lossy WebP picture");
}

/** Return the planes Y, Cb and Cr (BT.601, limited range, as browsers take Y4M), the latter two of half the size. */
function planes(data, width, height) {
  const y = Buffer.alloc(width * height);
  const [cb, cr] = [Buffer.alloc((width * height) / 4), Buffer.alloc((width * height) / 4)];
  for (let at = 0; at < y.length; at += 1) {
    const [r, g, b] = [data[4 * at], data[4 * at + 1], data[4 * at + 2]];
    y[at] = 16 + (219 / 255) * (0.299 * r + 0.587 * g + 0.114 * b);
    const [row, column] = [Math.floor(at / width), at % width];
    if (row % 2 || column % 2) continue;
    const small = (row / 2) * (width / 2) + column / 2;
    cb[small] = 128 + (224 / 255) * (-0.168736 * r - 0.331264 * g + 0.5 * b);
    cr[small] = 128 + (224 / 255) * (0.5 * r - 0.418688 * g - 0.081312 * b);
  }
  return Buffer.concat([y, cb, cr]);
}

/** Return the frames as Buffers: RGBA if `type` is raw, else files of that type. */
async function drawn(page, address, options) {
  const encoded = await page.evaluate(async ({ address, width, height, count, type }) => {
    const picture = await createImageBitmap(await (await fetch(address)).blob());
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
    const frames = [];
    for (let n = 0; n < count; n += 1) {
      context.fillStyle = "gray";
      context.fillRect(0, 0, width, height);
      context.drawImage(picture, (width - height) / 2 + 6 * Math.sin((2 * Math.PI * n) / count), 0, height, height);
      const bytes = type === "raw" ? context.getImageData(0, 0, width, height).data : await (await canvas.convertToBlob({ type, quality: 0.9 })).arrayBuffer();
      const url = await new Promise((resolve) => {
        const reader = new FileReader();
        reader.onload = () => resolve(reader.result);
        reader.readAsDataURL(new Blob([bytes]));
      });
      frames.push(url.slice(url.indexOf(",") + 1));
    }
    return frames;
  }, { address, ...options });
  return encoded.map((text) => Buffer.from(text, "base64"));
}
