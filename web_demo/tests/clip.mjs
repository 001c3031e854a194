// Made clips: of the fake camera (Y4M, whose frames are raw), drawn from pictures.

/** Return the bytes of a Y4M clip of frames {width, height, data: RGBA}, all of one even size. */
export function y4m(frames, fps = 25) {
  const [{ width, height }] = frames;
  const parts = [Buffer.from(`YUV4MPEG2 W${width} H${height} F${fps}:1 Ip A1:1 C420jpeg\n`)];
  for (const frame of frames) parts.push(Buffer.from("FRAME\n"), planes(frame));
  return Buffer.concat(parts);
}

/** Return the planes Y, Cb and Cr (BT.601, full range), the latter two of half the size. */
function planes({ width, height, data }) {
  const half = { width: width / 2, height: height / 2 };
  const y = Buffer.alloc(width * height);
  const [cb, cr] = [Buffer.alloc(half.width * half.height), Buffer.alloc(half.width * half.height)];
  for (let row = 0; row < height; row += 1) {
    for (let column = 0; column < width; column += 1) {
      const at = row * width + column;
      const [r, g, b] = [data[4 * at], data[4 * at + 1], data[4 * at + 2]];
      y[at] = 0.299 * r + 0.587 * g + 0.114 * b;
      if (row % 2 || column % 2) continue;
      const small = (row / 2) * half.width + column / 2;
      cb[small] = 128 - 0.168736 * r - 0.331264 * g + 0.5 * b;
      cr[small] = 128 + 0.5 * r - 0.418688 * g - 0.081312 * b;
    }
  }
  return Buffer.concat([y, cb, cr]);
}

/** Return frames of a picture that moves sideways: drawn in the browser, which has the decoder. */
export function movingFrames(page, address, { width = 320, height = 240, count = 25 } = {}) {
  return page.evaluate(async ({ address, width, height, count }) => {
    const picture = await createImageBitmap(await (await fetch(address)).blob());
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext("2d", { willReadFrequently: true });
    return Array.from({ length: count }, (_, n) => {
      context.fillStyle = "gray";
      context.fillRect(0, 0, width, height);
      const shift = 6 * Math.sin((2 * Math.PI * n) / count);
      context.drawImage(picture, (width - height) / 2 + shift, 0, height, height);
      return { width, height, data: Array.from(context.getImageData(0, 0, width, height).data) };
    });
  }, { address, width, height, count });
}

/** Return the bytes of a WebM clip of about `seconds`, as a browser records a canvas. */
export async function webm(page, address, seconds = 2) {
  const bytes = await page.evaluate(async ({ address, seconds }) => {
    const picture = await createImageBitmap(await (await fetch(address)).blob());
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width: 320, height: 240 });
    const context = canvas.getContext("2d");
    const recorder = new MediaRecorder(canvas.captureStream(25), { mimeType: "video/webm;codecs=vp8" });
    const parts = [];
    recorder.ondataavailable = ({ data }) => parts.push(data);
    recorder.start();
    const began = performance.now();
    while (performance.now() - began < 1000 * seconds) {
      context.drawImage(picture, 40 + 6 * Math.sin((performance.now() - began) / 150), 0, 240, 240);
      await new Promise(requestAnimationFrame);
    }
    await new Promise((resolve) => { recorder.onstop = resolve; recorder.stop(); });
    return Array.from(new Uint8Array(await new Blob(parts).arrayBuffer()));
  }, { address, seconds });
  return Buffer.from(bytes);
}
