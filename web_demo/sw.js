// Keeps what the page loads, so that it works without a network after the first load. What is on the
// server comes first, so a new version is seen at once; the kept copy is for when it can't be reached, or fails.
// Requests of the page to any other origin are refused, those of its workers included, which the page's
// own policy does not cover. Whatever else lies at the same address is let alone.
const KEPT = "fau-page";
const HERE = new URL("./", self.location).href;
const FOLDER = new URL(HERE).pathname;
const PAGE = /^(index\.html)?$/;
const WORKERS = /^src\//;
const FILES = /^(style\.css|files\.json|(page|src|litert|models|sample|docs)\/.*)$/;

function isOne(pathname, ...patterns) {
  const name = pathname.startsWith(FOLDER) && pathname.slice(FOLDER.length);
  return name !== false && patterns.some((pattern) => pattern.test(name));
}

// Returns what a file is kept by. The page has one key, whatever its address asks for: an older one beside it would be
// shown with newer modules.
function keyOf(address) {
  return isOne(new URL(address).pathname, PAGE) ? HERE : address;
}

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(Promise.all([joinPages(), self.clients.claim()])));

// The page names what it loaded before this worker was there.
self.addEventListener("message", (event) => {
  const own = event.data.keep.filter((address) => new URL(address).origin === self.location.origin);
  event.waitUntil(Promise.all(own.map(keepLoaded)));
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname, protocol } = new URL(request.url);
  if (!protocol.startsWith("http")) return;
  if (origin !== self.location.origin) event.respondWith(refusedToPage(event));
  else if (request.method === "GET" && isOne(pathname, PAGE, FILES)) event.respondWith(fresh(event));
});

async function refusedToPage({ request, clientId }) {
  const client = await self.clients.get(clientId);
  return !client || isOne(new URL(client.url).pathname, PAGE, WORKERS) ? Response.error() : fetch(request);
}

// Answers at once, so that the page sees the bytes as they come; the copy is kept meanwhile.
async function fresh(event) {
  const { request } = event;
  const response = await fetch(request).catch(() => Response.error());
  // 206 is a part of a file, which a cache can't keep.
  if (response.status === 200) event.waitUntil(keep(keyOf(request.url), response.clone()));
  if (response.type !== "error" && response.status < 500) return response;
  return (await copyOf(keyOf(request.url))) ?? response;
}

// A full or blocked storage costs the use without a network, nothing else.
async function keep(key, response) {
  try {
    await (await caches.open(KEPT)).put(key, response);
  } catch {
    await response.body?.cancel().catch(() => {}); // or its other half would fill the memory
  }
}

async function keepLoaded(address) {
  if (await copyOf(keyOf(address))) return;
  const response = await fetch(address).catch(() => null);
  if (response?.status === 200) await keep(keyOf(address), response);
}

async function copyOf(key) {
  try {
    return await (await caches.open(KEPT)).match(key);
  } catch {
    return undefined;
  }
}

// Earlier workers kept the page by each of its addresses. The newest copy is the last one.
async function joinPages() {
  try {
    const cache = await caches.open(KEPT);
    const pages = (await cache.keys()).filter(({ url }) => keyOf(url) === HERE);
    const newest = pages.at(-1);
    if (newest && newest.url !== HERE) await cache.put(HERE, await cache.match(newest));
    await Promise.all(pages.filter(({ url }) => url !== HERE).map((page) => cache.delete(page)));
  } catch {
    // Without a storage nothing is kept.
  }
}
