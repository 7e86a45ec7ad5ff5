// Keeps the visit form and its files for a phone without a connection. They are loaded from the network, and from what was kept when that
// fails. Answers of the API are never kept.
const kept = 'visit-form-1';
addEventListener('install', event => {
  event.waitUntil(caches.open(kept).then(c => c.addAll(['/_content/Vigil.Web/vigil.css', '/_content/Vigil.Web/visit.js'])));
  skipWaiting();
});
addEventListener('activate', event => event.waitUntil(clients.claim()));
addEventListener('fetch', event => {
  const url = new URL(event.request.url);
  if (event.request.method !== 'GET' || (url.pathname !== '/visits/form' && !url.pathname.startsWith('/_content/Vigil.Web/'))) return;
  event.respondWith((async () => {
    const cache = await caches.open(kept);
    try {
      const answer = await fetch(event.request);
      if (answer.ok && !answer.redirected) await cache.put(event.request, answer.clone());
      return answer;
    } catch {
      return await cache.match(event.request, { ignoreSearch: url.pathname !== '/visits/form' }) ?? Response.error();
    }
  })());
});
