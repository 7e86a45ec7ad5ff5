// A visit record on a phone with a bad connection: a draft is kept as it is typed, a saved record waits in this browser
// until the service has taken it. Each record carries an id made here, so sending it twice records it once.
(() => {
  const form = document.getElementById('visit'), state = document.getElementById('state'), list = document.getElementById('waiting');
  const draftKey = 'visit-draft:' + location.search, queueKey = 'visit-queue';
  const queue = () => JSON.parse(localStorage.getItem(queueKey) ?? '[]');
  const keep = rows => localStorage.setItem(queueKey, JSON.stringify(rows));
  // crypto.randomUUID needs https
  const uuid = () => ([1e7] + -1e3 + -4e3 + -8e3 + -1e11)
    .replace(/[018]/g, c => (c ^ crypto.getRandomValues(new Uint8Array(1))[0] & 15 >> c / 4).toString(16));

  const say = (key, more = '') => {
    state.textContent = state.dataset[key] + more;
    state.className = key === 'saved' ? 'done' : 'trouble';
  };
  const show = () => {
    list.replaceChildren(...queue().map(row => {
      const item = document.createElement('li');
      item.textContent = `${row.resident} · ${row.time}${row.refused ? ' · ' + row.refused : ''}`;
      return item;
    }));
  };

  for (const [name, value] of JSON.parse(localStorage.getItem(draftKey) ?? '[]'))
    for (const field of form.querySelectorAll(`[name="${CSS.escape(name)}"]`))
      if (field.type === 'radio') field.checked = field.value === value; else if (field.type !== 'hidden') field.value = value;
  form.addEventListener('input', () => localStorage.setItem(draftKey, JSON.stringify([...new FormData(form)])));

  let sending = false;
  const send = async () => {
    if (sending) return;
    sending = true;
    try {
      for (const row of queue().filter(r => !r.refused)) {
        let answer;
        try {
          const { refused, ...body } = row;
          answer = await fetch('/api/v1/visits', {
            method: 'POST',
            headers: { 'Content-Type': 'application/json' },
            body: JSON.stringify(body),
            signal: AbortSignal.timeout(15000),
            redirect: 'manual',
          });
        } catch { say('waiting'); break; }
        if (answer.ok) { keep(queue().filter(r => r.id !== row.id)); say('saved'); }
        else if (answer.status === 401 || answer.status === 403 || answer.type === 'opaqueredirect') { say('signin'); break; }
        else if (answer.status === 400 || answer.status === 404) { // kept with the reason: sent again it would be refused again
          const told = await answer.json().catch(() => ({}));
          const why = (document.documentElement.lang === 'en' ? told.detail : told.detailZh) ?? told.detail ?? answer.status;
          keep(queue().map(r => r.id === row.id ? { ...r, refused: String(why) } : r));
          say('refused', ' ' + why);
        } else { say('waiting'); break; }
      }
    } finally { sending = false; show(); }
  };

  form.addEventListener('submit', event => {
    event.preventDefault();
    const given = new FormData(form);
    const condition = [...form.querySelectorAll('fieldset')]
      .map(f => [f.dataset.row, f.querySelector(':checked')?.value])
      .filter(([, v]) => v)
      .map(([k, v]) => `${k}：${v}`)
      .join('；');
    const row = { id: uuid(), time: new Date().toISOString(), condition };
    for (const name of ['resident', 'form', 'needs', 'actions', 'satisfaction', 'notes', 'alarm', 'resolve'])
      if (given.get(name)) row[name] = given.get(name).trim();
    keep([...queue(), row]);
    localStorage.removeItem(draftKey);
    form.reset();
    show();
    send();
  });
  addEventListener('online', send);
  setInterval(() => { if (queue().some(r => !r.refused)) send(); }, 15000);
  show();
  if (queue().length) send();
  // The page opens without a connection too when it was open before (visit-worker.js).
  navigator.serviceWorker?.register('/_content/Vigil.Web/visit-worker.js', { scope: '/visits/form' })
    .then(async () => {
      await navigator.serviceWorker.ready;
      await (await caches.open('visit-form-1')).add(location.href);
      form.dataset.kept = 'yes';
    }).catch(() => { });
})();
