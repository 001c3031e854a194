// Chromium on the assembled folder: any request beyond the page's own origin fails the test.
import { existsSync } from "node:fs";
import path from "node:path";
import { chromium } from "playwright-core";
import { ROOT } from "./golden.mjs";
import { serve } from "./server.mjs";

export const FOLDER = process.env.FAU_WEB ?? path.join(ROOT, "build", "web");
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const WEBGPU_FLAGS = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"];

if (!existsSync(path.join(FOLDER, "models", "reader.json"))) {
  throw new Error(`${FOLDER}: not assembled. Run \`make web-test\`.`);
}

/** Start chromium and a host of the folder. Return {browser, page(), url, foreign, errors, close}. */
export async function open({ webgpu = false, flags = [], folders = {}, answers = {} } = {}) {
  const host = await serve({ "/": FOLDER, "/project/": ROOT, "/tests/": path.join(ROOT, "web_demo", "tests"), ...folders }, answers);
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: ["--no-sandbox", "--disable-background-networking", ...(webgpu ? WEBGPU_FLAGS : []), ...flags],
  });
  const [foreign, errors] = [[], []];
  const page = async (name = "tests/blank.html") => {
    const context = await browser.newContext();
    context.on("request", (request) => {
      const url = request.url();
      if (!url.startsWith(host.url) && !/^(blob|data):/.test(url)) foreign.push(url);
    });
    const opened = await context.newPage();
    opened.on("console", (message) => message.type() === "error" && errors.push(message.text()));
    opened.on("pageerror", (error) => errors.push(String(error)));
    await opened.goto(host.url + name);
    return opened;
  };
  const close = async () => {
    await browser.close();
    host.close();
  };
  return { browser, page, url: host.url, foreign, errors, close };
}
