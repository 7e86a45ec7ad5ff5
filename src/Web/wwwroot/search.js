// The search in the header: "/" focuses it, results come while one types, arrows and Enter choose, Esc closes. A combobox with a list
// (WAI-ARIA Authoring Practices); the focus stays in the box. Without scripts the form opens the page of results.
(() => {
  const box = document.getElementById('search');
  if (!box) return;
  const list = document.getElementById('search-results');
  const status = document.getElementById('search-status');
  let asked = 0, timer, chosen = -1, running;

  const options = () => [...list.querySelectorAll('[role=option]')];
  const close = () => {
    clearTimeout(timer);
    asked++; // an answer that is still on its way opens it no more
    running?.abort();
    list.hidden = true;
    chosen = -1;
    box.setAttribute('aria-expanded', 'false');
    box.removeAttribute('aria-activedescendant');
  };
  const choose = at => {
    const all = options();
    if (all.length === 0) return;
    all[chosen]?.setAttribute('aria-selected', 'false');
    chosen = (at + all.length) % all.length;
    all[chosen].setAttribute('aria-selected', 'true');
    all[chosen].scrollIntoView({ block: 'nearest' });
    box.setAttribute('aria-activedescendant', all[chosen].id);
  };
  const row = (title, detail, kind, page) => {
    const item = document.createElement('li');
    item.role = 'option';
    item.id = 'found-' + list.children.length;
    item.dataset.page = page;
    item.setAttribute('aria-selected', 'false');
    for (const [name, text] of [['b', title], ['span', detail], ['i', kind]]) {
      const part = document.createElement(name);
      part.textContent = text;
      item.append(part);
    }
    list.append(item);
  };
  const show = (answer, text) => {
    list.replaceChildren();
    chosen = -1;
    box.removeAttribute('aria-activedescendant');
    for (const group of answer.groups)
      for (const hit of group.hits) row(hit.title, hit.detail, group.title, hit.page);
    const found = list.children.length;
    if (found > 0) row(status.dataset.all, '', '', '/search?q=' + encodeURIComponent(text));
    status.textContent = found > 0 ? String(found) : status.dataset.none;
    list.hidden = found === 0;
    box.setAttribute('aria-expanded', String(found > 0));
  };
  const ask = async () => {
    const text = box.value.trim(), mine = ++asked;
    running?.abort();
    if (text.length === 0) { close(); status.textContent = ''; return; }
    running = new AbortController();
    try {
      const answer = await fetch('/api/v1/search?limit=4&q=' + encodeURIComponent(text), { cache: 'no-store', signal: running.signal });
      if (answer.ok && mine === asked) show(await answer.json(), text);
    } catch { /* the next letter asks again, and Enter opens the page */ }
  };

  box.addEventListener('input', () => { clearTimeout(timer); timer = setTimeout(ask, 150); });
  box.addEventListener('focus', () => { if (box.value.trim() && list.children.length > 0) { list.hidden = false; } });
  box.addEventListener('keydown', event => {
    if (event.isComposing) return; // Enter that chooses a Chinese word
    if (event.key === 'ArrowDown') { choose(chosen + 1); event.preventDefault(); }
    else if (event.key === 'ArrowUp') { choose(chosen < 0 ? -1 : chosen - 1); event.preventDefault(); }
    else if (event.key === 'Enter' && chosen >= 0 && !list.hidden) {
      event.preventDefault();
      location.assign(options()[chosen].dataset.page);
    }
    else if (event.key === 'Escape') {
      if (list.hidden) box.blur();
      else close();
      event.preventDefault();
    }
  });
  // The focus stays in the box; a finger that scrolls the list opens nothing.
  list.addEventListener('pointerdown', event => { if (event.pointerType === 'mouse') event.preventDefault(); });
  list.addEventListener('click', event => {
    const item = event.target.closest('[role=option]');
    if (item) location.assign(item.dataset.page);
  });
  document.addEventListener('pointerdown', event => { if (!event.target.closest('form.search')) close(); });
  document.addEventListener('keydown', event => {
    if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.matches('input:not([type=checkbox]), select, textarea, [contenteditable]')) return;
    event.preventDefault();
    box.focus();
    box.select();
  });
})();
