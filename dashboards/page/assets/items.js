// Which items are behind a number? A sortable, filterable table whose rows open the item's lens map.

const PAGE_ROWS = 200;
const C = VIEW.items ? VIEW.items.columns : { item: [] };
let GAINED = []; // by part of the model, then by row: what is gained at each block, in steps
let page = 0;

/** Reads what every item gains at every block. */
async function unpackEffects() { GAINED = (JSON.parse(new TextDecoder().decode(await inflate($('effects-blob').textContent)))).map((part) => part.gained); }

/** The items of a panel of the stage map. */
function panelItems({ family, kind }) { return { family: family || '', ikind: kind || '' }; }

/** A number or text to sort by; nulls and "never" go to the end. */
function sortKey(column, i) {
  if (column === 'effect') return brushed() && effectThere(GAINED, i);
  if (column === 'emergence') {
    const e = C.emergence[i];
    return e.state === 'ok' ? e.stream : (e.state === 'never' ? 1e6 : 1e7);
  }
  return C[column][i];
}

function settlesThere(e) { return state.settled === '' || (state.settled === 'never' ? e.state === 'never' : e.state === 'ok' && String(e.stream) === state.settled); }

function isListed(i) {
  return (state.family === '' || C.family[i] === state.family) && (state.ikind === '' || C.kind[i] === state.ikind) && settlesThere(C.emergence[i])
    && matchesSearch(C.item[i], C.family[i], C.answer[i], C.foil[i], C.prompt[i]);
}

/** What the rows are sorted by: what was chosen, else the effect in the chosen blocks. */
function sorting() { return state.sort || (brushed() ? '-effect' : ''); }

function matchingRows() {
  const rows = C.item.map((_, i) => i).filter(isListed);
  const sort = sorting();
  if (!sort) return rows;
  const down = sort.startsWith('-');
  const column = down ? sort.slice(1) : sort;
  const empty = (v) => v === null || v === undefined || v === '';
  return rows.sort((a, b) => {
    const x = sortKey(column, a), y = sortKey(column, b);
    if (empty(x) || empty(y)) return empty(x) - empty(y);
    const order = typeof x === 'string' ? x.localeCompare(y, 'en') : Number(x) - Number(y);
    return down ? -order : order;
  });
}

function emergenceText(e) {
  return { ok: `stream ${e.stream}`, never: 'never', not_run: 'not run', none: '–' }[e.state];
}

function yesNo(right) { return right === null ? '–' : (right ? 'yes' : 'no'); }

function itemRow(i, excludes) {
  const id = C.item[i];
  const mark = C.map[i] ? (VIEW.lens_index.find((e) => e.key === C.map[i]).embedded ? '◆ ' : '◇ ') : C.read[i] !== null ? '▮ ' : '';
  const row = h('tr', { tabindex: 0, class: C.reason[i] ? 'excluded' : null, 'aria-selected': state.item === id ? 'true' : 'false' },
    h('td', { title: visible(id) }, mark, h('bdi', {}, visible(id))), h('td', {}, h('bdi', {}, visible(C.family[i]))), h('td', {}, C.kind[i]),
    h('td', {}, tokenElement(C.answer[i])), h('td', {}, tokenElement(C.foil[i])),
    h('td', { class: 'num', hidden: !brushed() }, brushed() ? num(effectThere(GAINED, i)) : ''), h('td', { class: 'num' }, num(C.logit_difference[i])), h('td', { class: 'num' }, C.rank[i] === null ? '–' : num(C.rank[i], 0)),
    h('td', {}, yesNo(C.correct_by_choice[i])), h('td', {}, yesNo(C.correct[i])), h('td', {}, emergenceText(C.emergence[i])), h('td', { hidden: !excludes }, visible(C.reason[i]) === '∅' ? '' : visible(C.reason[i])));
  row.dataset.index = String(i);
  return row;
}

function renderItems() {
  const families = VIEW.behaviour.rows.map((r) => r.family);
  fillSelect($('family'), [{ value: '', text: `all ${families.length} families` }, ...families.map((f) => ({ value: f, text: visible(f) }))], state.family);
  const none = { family: '', ikind: '', settled: '', q: '' };
  const clear = () => h('button', { type: 'button', onclick: () => update(none) }, 'Clear filter');
  fillRange();
  $('items-filters').replaceChildren(...filterChips([
    ...(state.family ? [[`family ${clip(visible(state.family), 40)}`, { family: '' }]] : []), ...(state.ikind ? [[`kind ${state.ikind}`, { ikind: '' }]] : []),
    ...(state.settled ? [[state.settled === 'never' ? 'never settled' : `settled from stream ${state.settled}`, { settled: '' }]] : []),
    ...(state.q ? [[`“${clip(visible(state.q), 40)}”`, { q: '' }]] : []), ...(brushed() ? [[say('ranked', { blocks: brushWords() }), { lo: null, hi: null }]] : []),
  ]));
  const rows = matchingRows();
  page = Math.min(page, Math.max(0, Math.ceil(rows.length / PAGE_ROWS) - 1));
  const shown = rows.slice(page * PAGE_ROWS, (page + 1) * PAGE_ROWS);
  const body = $('item-table').tBodies[0];
  const focused = document.activeElement && document.activeElement.dataset ? document.activeElement.dataset.index : undefined;
  // A column that says nothing of any row takes the room that the others need.
  const excludes = shown.some((i) => C.reason[i]);
  if (shown.length) body.replaceChildren(...shown.map((i) => itemRow(i, excludes)));
  else body.replaceChildren(h('tr', {}, h('td', { colspan: 12 }, stateBox('empty', say('no_item'), say('of_items', { items: C.item.length }), clear()))));
  for (const th of $('item-table').tHead.rows[0].cells) {
    const key = th.dataset.sort;
    if (key === 'effect') th.hidden = !brushed();
    if (key === 'reason') th.hidden = !excludes;
    th.removeAttribute('aria-sort');
    if (sorting() === key) th.setAttribute('aria-sort', 'ascending');
    if (sorting() === `-${key}`) th.setAttribute('aria-sort', 'descending');
  }
  const previous = h('button', { type: 'button', onclick: () => { page -= 1; renderItems(); } }, '← Previous');
  const next = h('button', { type: 'button', onclick: () => { page += 1; renderItems(); } }, 'Next →');
  previous.disabled = page === 0;
  next.disabled = (page + 1) * PAGE_ROWS >= rows.length;
  const from = rows.length ? page * PAGE_ROWS + 1 : 0;
  const csvButton = h('button', { type: 'button', onclick: saveItems }, 'CSV');
  $('pager').replaceChildren(h('span', {}, `${from}–${page * PAGE_ROWS + shown.length} of ${rows.length} shown (${VIEW.items.total} in all)`),
    ...(rows.length > PAGE_ROWS ? [previous, next] : []), csvButton);
  if (focused !== undefined) {
    const again = body.querySelector(`tr[data-index="${focused}"]`);
    if (again) again.focus({ preventScroll: true });
  }
}

function saveItems() {
  const names = ['item', 'family', 'kind', 'template', 'cluster', 'answer', 'foil', 'logit_difference', 'answer_logprob', 'rank', 'correct', 'correct_by_choice', 'answered', 'emergence', 'reason', 'prompt', ...(brushed() ? ['effect'] : [])];
  const head = names.map((n) => ({ correct: 'correct_by_likelihood', answered: 'answered_right', emergence: `${VIEW.emergence.name}_from`, effect: brushed() && `effect of ${brushWords()}` }[n] || n));
  const value = (name, i) => (name === 'effect' ? effectThere(GAINED, i) : name === 'emergence' ? (C.emergence[i].state === 'ok' ? C.emergence[i].stream : C.emergence[i].state) : C[name][i]);
  download(`${fileStem('items')}.csv`, new Blob([csv(head, matchingRows().map((i) => names.map((n) => value(n, i))))], { type: 'text/csv' }));
}

/** Opens an item: selects its row and brings its lens map into view. */
function openItem(id, scroll) {
  if (!C.item.includes(id)) {
    notice(say('no_such_item', { item: visible(id) }));
    return;
  }
  const own = VIEW.causal.items.some((i) => i.item === id) ? { cgroup: ofItem(id) } : {};
  update({ item: id, pos: null, stream: null, x0: null, x1: null, ...own });
  if (scroll) $('lens').scrollIntoView({ block: 'start' });
}

function attachItems() {
  const table = $('item-table');
  for (const th of table.tHead.rows[0].cells) {
    const key = th.dataset.sort;
    const cycle = () => update({ sort: key === 'effect' ? (state.sort === 'effect' ? '' : 'effect') : state.sort === key ? `-${key}` : (state.sort === `-${key}` ? '' : key) });
    th.replaceChildren(h('button', { type: 'button', onclick: cycle }, th.textContent));
  }
  const rowOf = (event) => event.target.closest('tr[data-index]');
  table.tBodies[0].addEventListener('click', (event) => {
    const row = rowOf(event);
    if (row) openItem(C.item[Number(row.dataset.index)], true);
  });
  table.tBodies[0].addEventListener('keydown', (event) => {
    const row = rowOf(event);
    if (!row) return;
    const move = { ArrowDown: row.nextElementSibling, ArrowUp: row.previousElementSibling }[event.key];
    if (move) { event.preventDefault(); move.focus(); }
    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      openItem(C.item[Number(row.dataset.index)], true);
      // Behind the map, which is drawn anew.
      enqueue(() => { const box = document.querySelector('#lens .lensbox'); if (box) box.focus({ preventScroll: true }); });
    }
  });
}
