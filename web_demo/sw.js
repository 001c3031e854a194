// Keeps what the page loads, so that it works without a network after the first load. What is on the
// server comes first, so a new version is seen at once; the kept copy is for when it can't be reached.
// Requests to any other origin are refused, those of workers included, which the page's own policy
// does not cover.
const KEPT = "fau-page";

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

// The page names what it loaded before this worker was there.
self.addEventListener("message", (event) => {
  event.waitUntil(keepAll(event.data.keep.filter((address) => new URL(address).origin === self.location.origin)));
});

async function keepAll(addresses) {
  const cache = await caches.open(KEPT);
  await Promise.all(addresses.map(async (address) => {
    if (!(await cache.match(address))) await cache.add(address).catch(() => {});
  }));
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, protocol } = new URL(request.url);
  if (!protocol.startsWith("http")) return;
  if (origin !== self.location.origin) event.respondWith(Response.error());
  else if (request.method === "GET") event.respondWith(fresh(request));
});

async function fresh(request) {
  const cache = await caches.open(KEPT);
  try {
    const response = await fetch(request);
    // 206 is a part of a file, which a cache can't keep.
    if (response.status === 200) await cache.put(request, response.clone());
    return response;
  } catch (error) {
    const kept = await cache.match(request, { ignoreSearch: request.mode === "navigate" });
    if (kept) return kept;
    throw error;
  }
}
