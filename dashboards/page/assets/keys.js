// Which single keys does the page know? A visible control stands for each, and a switch turns them all off.

const MAP_KEYS = [['↑ ↓ ← →', say('key_cells')], ['Home End', say('key_ends')]];

function singleKeys() {
  try { return localStorage.getItem('strata.keys') !== 'off'; } catch { return true; }
}

/** rows: [keys, what they do] of this page. */
function showHelp(rows) {
  const box = h('input', { type: 'checkbox' });
  box.checked = singleKeys();
  box.addEventListener('change', () => { try { localStorage.setItem('strata.keys', box.checked ? 'on' : 'off'); } catch { /* stays for this view only */ } });
  const mapped = document.querySelector('.plotkeys[tabindex], .lensbox') !== null;
  const chosen = document.querySelector('#item-table, #became-table') !== null;
  const shared = [...(mapped ? MAP_KEYS : []), ...(chosen ? [['Enter', say('key_enter')]] : []), ['Esc', say('key_escape')]];
  const key = ([keys, text]) => [h('dt', {}, keys.split(' ').map((k) => h('kbd', {}, k))), h('dd', {}, text)];
  $('keys').replaceChildren(h('h2', {}, 'Keys'), h('dl', {}, [...rows, ...shared].flatMap(key)),
    h('p', {}, h('label', {}, box, ' single-key shortcuts')), h('button', { type: 'button', onclick: () => $('keys').close() }, 'Close'));
  $('keys').showModal();
}

/** Does a key go to what is focused? A box to tick takes no letters, and the sheet's keeps the focus for a moment after it closed. */
function typing() {
  return $('keys').open || document.activeElement.matches('select, textarea, input:not([type=checkbox], [type=radio], [type=button])');
}

/** keys: {key: what it does}; a link and this sheet have theirs on every page. */
function attachKeys(keys, rows) {
  const told = [...rows, ['c', say('key_link')], ['?', 'this sheet']];
  const run = { c: copyLink, '?': () => showHelp(told), ...keys };
  $('help').addEventListener('click', () => showHelp(told));
  document.addEventListener('keydown', (event) => {
    if (typing() || event.ctrlKey || event.metaKey || event.altKey || !singleKeys() || !run[event.key]) return;
    event.preventDefault();
    run[event.key]();
  });
}

/** The pages of a comparison's models: going over keeps what is looked at. */
function attachPages() {
  const links = [...document.querySelectorAll('#pages a')];
  const go = (link) => { const text = hashText(); location.href = link.getAttribute('href') + (text ? `#${text}` : ''); };
  for (const link of links) link.addEventListener('click', (event) => { event.preventDefault(); go(link); });
  const all = [...document.querySelectorAll('#pages > *')];
  const here = all.findIndex((one) => one.tagName !== 'A');
  return links.length ? () => go(all.slice(here + 1).find((one) => 'model' in one.dataset) || all.find((one) => one.tagName === 'A')) : null;
}
