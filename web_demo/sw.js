// Keeps what the page loads, so that it works without a network after the first load. What is on the
// server comes first, so a new version is seen at once; the kept copy is for when it can't be reached.
// Requests of the page to any other origin are refused, those of its workers included, which the page's
// own policy does not cover. Whatever else lies at the same address is let alone.
const KEPT = "fau-page";
const FOLDER = new URL("./", self.location).pathname;
const PAGE = /^(index\.html)?$/;
const WORKERS = /^src\//;
const FILES = /^(style\.css|files\.json|(page|src|litert|models|sample|docs)\/.*)$/;

function isOne(pathname, ...patterns) {
  const name = pathname.startsWith(FOLDER) && pathname.slice(FOLDER.length);
  return name !== false && patterns.some((pattern) => pattern.test(name));
}

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

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
  try {
    const response = await fetch(request);
    // 206 is a part of a file, which a cache can't keep.
    if (response.status === 200) event.waitUntil(keep(request, response.clone()));
    return response;
  } catch (error) {
    const kept = await copyOf(request, { ignoreSearch: request.mode === "navigate" });
    if (kept) return kept;
    throw error;
  }
}

// A full or blocked storage costs the use without a network, nothing else.
async function keep(request, response) {
  try {
    await (await caches.open(KEPT)).put(request, response);
  } catch {
    await response.body?.cancel().catch(() => {}); // or its other half would fill the memory
  }
}

async function keepLoaded(address) {
  if (await copyOf(address)) return;
  const response = await fetch(address).catch(() => null);
  if (response?.status === 200) await keep(address, response);
}

async function copyOf(request, options) {
  try {
    return await (await caches.open(KEPT)).match(request, options);
  } catch {
    return undefined;
  }
}
