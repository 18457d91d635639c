// The stand-alone page without a network: what it needs is kept when it is first opened, all of one version.
//
// `app.standalone` writes what is kept in front of this: FOLDER = {version, files, headers}. A folder that has changed is kept
// beside the one in use, and takes its place once no page shows that one any more.

const { version, files, headers } = self.FOLDER;
const OURS = `sharpcam ${self.registration.scope} `;
const NAME = OURS + version;

self.addEventListener("install", (event) => event.waitUntil(keepAll()));
self.addEventListener("activate", (event) => event.waitUntil(forgetOthers()));
self.addEventListener("fetch", (event) => {
    const { method, url } = event.request;
    if (method === "GET" && url.startsWith(self.registration.scope)) event.respondWith(answer(event.request));
});

async function keepAll() {
    const cache = await caches.open(NAME);
    await cache.addAll(files.map((file) => new Request(file, { cache: "no-cache" }))); // as they are now
}

async function forgetOthers() {
    const names = await caches.keys();
    await Promise.all(names.filter((name) => name.startsWith(OURS) && name !== NAME).map((name) => caches.delete(name)));
}

/** What was kept; else what the host gives, which is kept from now on. */
async function answer(request) {
    const cache = await caches.open(NAME);
    const kept = await cache.match(request, { ignoreSearch: true, ignoreVary: true });
    return isolated(kept ?? (await fetchAndKeep(request, cache)));
}

async function fetchAndKeep(request, cache) {
    const response = await fetch(request);
    if (response.status === 200) await cache.put(request, response.clone());
    return response;
}

/** With the headers that a host may not send, without which browsers give a page one thread. */
function isolated(response) {
    const { status, statusText } = response;
    if (response.type !== "basic" && response.type !== "default") return response;
    const own = new Headers(response.headers);
    for (const [name, value] of Object.entries(headers)) own.set(name, value);
    return new Response(status === 204 || status === 304 ? null : response.body, { status, statusText, headers: own });
}
