// Tells a duty officer that the page is no longer live, sooner than Blazor notices a lost connection. Each second the board's data-beat has
// to change, and on other pages a small request has to be answered; after eight seconds without, the banner is shown. All this runs by the
// browser's own clock.
(() => {
  const banner = document.getElementById('stale');
  let heard = performance.now();
  let beat;
  setInterval(async () => {
    const board = document.querySelector('[data-beat]');
    if (board) { // it stops when the server, the socket or the reading of the alarms stops
      if (board.dataset.beat !== beat) { beat = board.dataset.beat; heard = performance.now(); }
    } else {
      try {
        const answer = await fetch('/healthz/live', { cache: 'no-store', signal: AbortSignal.timeout(3000) });
        if (answer.ok) heard = performance.now();
      } catch { /* the banner says so */ }
    }
    // A page that was drawn and never became live (one person has too many open): its buttons do nothing.
    const dead = !document.getElementById('live') && performance.now() > 8000;
    if (banner) banner.hidden = !dead && performance.now() - heard < 8000;
  }, 1000);

  // The menu stands outside of what is drawn anew when somebody goes to another page over the open socket.
  new MutationObserver(() => {
    for (const link of document.querySelectorAll('header nav a')) {
      if (link.pathname === location.pathname) link.setAttribute('aria-current', 'page');
      else link.removeAttribute('aria-current');
    }
  }).observe(document.getElementById('main'), { childList: true });

  // Arrow keys select, A acknowledges, Enter opens.
  document.addEventListener('keydown', event => {
    if (event.target.matches('input:not([type=checkbox]), select, textarea') || event.ctrlKey || event.metaKey || event.altKey) return;
    const rows = [...document.querySelectorAll('.alarms .alarm')];
    const at = rows.indexOf(document.activeElement.closest?.('.alarm'));
    if (event.key === 'ArrowDown') { (rows[at + 1] ?? rows[0])?.focus(); event.preventDefault(); }
    else if (event.key === 'ArrowUp') { (rows[at - 1] ?? rows.at(-1))?.focus(); event.preventDefault(); }
    else if (event.key === 'a' || event.key === 'A') (rows[at] ?? rows[0])?.querySelector('.acknowledge')?.click();
    else if (event.key === ' ' && at >= 0 && document.activeElement === rows[at]) {
      rows[at].querySelector('.choose')?.click();
      event.preventDefault();
    }
    else if (event.key === 'Enter' && at >= 0 && document.activeElement === rows[at]) rows[at].querySelector('a.name')?.click();
  });

  // A sound while a critical alarm is open and nobody has answered. Browsers allow it after the first key or click.
  let audio;
  const listen = () => {
    audio ??= new AudioContext();
    audio.resume();
    const button = document.getElementById('sound');
    if (button) { button.textContent = '♪ ' + button.dataset.on; button.classList.add('chosen'); }
  };
  document.addEventListener('pointerdown', listen);
  document.addEventListener('keydown', listen);
  setInterval(() => {
    const list = document.querySelector('.alarms');
    if (!audio || !list || Number(list.dataset.critical) === 0) return;
    for (const [start, pitch] of [[0, 880], [0.25, 660]]) {
      const tone = audio.createOscillator(), volume = audio.createGain();
      tone.frequency.value = pitch;
      volume.gain.value = 0.15;
      tone.connect(volume).connect(audio.destination);
      tone.start(audio.currentTime + start);
      tone.stop(audio.currentTime + start + 0.2);
    }
  }, 3000);
})();
