// Files of the assembled folder: fetched with progress, and compared with their SHA-256.

/**
 * Return the bytes of a file. A download that breaks off is tried once more: where a service worker keeps the file, it
 * answers with its copy.
 *
 * @param sha256 of the file, in hexadecimal; not compared where the page is no secure context.
 * @param onBytes called with the number of bytes of each piece that arrived; below 0 for those of a broken download.
 */
export async function download(url, { sha256 = null, onBytes = () => {} } = {}) {
  const bytes = (await readAll(await fetchOrThrow(url), onBytes)) ?? (await readAll(await fetchOrThrow(url), onBytes));
  if (!bytes) throw new Error(`${url}: the download broke off twice. Is there a connection to the page's host? Reload the page.`);
  if (sha256 && globalThis.crypto?.subtle) {
    const found = hex(await crypto.subtle.digest("SHA-256", bytes));
    if (found !== sha256) {
      throw new Error(
        `${url}: the file has SHA-256 ${found} instead of ${sha256}. It is corrupt or of another version: ` +
          "reload the page without its cache, or assemble it again with `make web`.",
      );
    }
  }
  return bytes;
}

/** Return the content of a JSON file. */
export async function downloadJson(url) {
  const text = new TextDecoder().decode(await download(url));
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${url}: not a JSON file: ${error.message}. Assemble the page again with \`make web\`.`);
  }
}

async function fetchOrThrow(url) {
  let response;
  try {
    response = await fetch(url, { credentials: "same-origin" });
  } catch (error) {
    throw new Error(`${url}: can't be fetched: ${error.message}. Is there a connection to the page's host?`);
  }
  if (!response.ok) {
    throw new Error(`${url}: the host answers ${response.status}. Copy the whole folder that \`make web\` assembles.`);
  }
  return response;
}

/** Return all bytes of a response, or null if it breaks off. */
async function readAll(response, onBytes) {
  const pieces = [];
  let size = 0;
  const reader = response.body.getReader();
  try {
    for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) {
      pieces.push(value);
      size += value.length;
      onBytes(value.length);
    }
  } catch {
    onBytes(-size);
    return null;
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

function hex(buffer) {
  return Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
