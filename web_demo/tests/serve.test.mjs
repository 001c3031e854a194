// The host of `make web`: it serves the folder, and says why it can't.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { createServer } from "node:http";
import path from "node:path";
import test from "node:test";
import { promisify } from "node:util";
import { ROOT } from "./golden.mjs";

const PYTHON = process.env.PYTHON ?? path.join(ROOT, ".venv", "bin", "python");
const SERVE = path.join(ROOT, "web_demo", "serve.py");

test("files come with the types that modules need", async () => {
  const served = spawn(PYTHON, [SERVE, path.join(ROOT, "web_demo"), "0"]);
  try {
    const [line] = await once(served.stdout);
    const [address] = /^http:\S+/.exec(line);
    const { headers } = await fetch(`${address}page/app.js`);
    assert.deepEqual([headers.get("content-type"), headers.get("cache-control")], ["text/javascript", "no-cache"]);
  } finally {
    served.kill();
  }
});

const once = async (stream) => { for await (const chunk of stream) return String(chunk).split("\n"); };

test("a port that is in use, or none: one line that says what to do", async () => {
  const host = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => { host.once("listening", resolve); });
  const { port } = host.address();
  try {
    for (const [given, problem] of [[port, "Address already in use"], [70_000, "must be 0 to 65535"], ["web", "must be 0 to 65535"]]) {
      const run = promisify(execFile)(PYTHON, [SERVE, path.join(ROOT, "web_demo"), String(given)]);
      await assert.rejects(run, ({ code, stdout, stderr }) => {
        assert.deepEqual([code, stdout, stderr], [2, "", `error: port ${given}: ${problem}. Use another one: \`make web PORT=9000\`.\n`]);
        return true;
      });
    }
  } finally {
    host.close();
  }
});
