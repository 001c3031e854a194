// A static host for tests: files of a folder, on this machine, without any special headers.
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import path from "node:path";

const TYPES = {
  ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css",
  ".json": "application/json", ".wasm": "application/wasm", ".png": "image/png", ".svg": "image/svg+xml",
};

/**
 * Serve folders by prefix: {"/": folder, "/golden/": another}. Return {url, close}.
 *
 * @param answers by path, functions that answer instead: (response) => ....
 */
export async function serve(folders, answers = {}) {
  const prefixes = Object.keys(folders).sort((one, other) => other.length - one.length);
  const server = createServer(async (request, response) => {
    const name = decodeURIComponent(new URL(request.url, "http://host").pathname);
    if (answers[name]) {
      answers[name](response);
      return;
    }
    const prefix = prefixes.find((one) => name.startsWith(one));
    const file = path.join(folders[prefix], name.slice(prefix.length) || "index.html");
    try {
      const content = await readFile(file);
      response.writeHead(200, { "Content-Type": TYPES[path.extname(file)] ?? "application/octet-stream" });
      response.end(content);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${server.address().port}/`, close: () => server.close() };
}
