// What became of each item? A table of base, distilled and control: filtered, searched, sorted, ranked by what changed in chosen blocks.

const BECAME = { changed: 'changed', lost: 'lost in every way', format: 'lost as asked only', gained: 'gained', kept: 'answered by both', unanswered: 'answered by neither', unpaired: 'not asked of both', all: 'all items' };
const CHANGED_ITEMS = ['lost', 'format', 'gained'];
const ITEMS_SHOWN = 200;

/** The items of a panel of the stage maps; all of them, since what is ranked there changed in kept ones too. */
function panelItems({ family, kind }) { return { ifamily: family && VIEW.items.family.includes(family) ? family : '', ikind: kind || '', became: 'all' }; }

function chosenItems() {
  const t = VIEW.items;
  const here = (i) => (state.became === 'all' || t.became[i] === state.became || (state.became === 'changed' && CHANGED_ITEMS.includes(t.became[i])));
  const asked = (i) => (!state.ifamily || t.family[i] === state.ifamily) && (!state.ikind || t.kind[i] === state.ikind) && matchesSearch(t.item[i], t.family[i], t.prompt[i], t.answer[i]);
  const rows = t.item.map((_, i) => i).filter((i) => here(i) && asked(i));
  const sort = itemSorting();
  if (!sort) return rows;
  const down = sort.startsWith('-'), column = down ? sort.slice(1) : sort;
  const keys = new Map(rows.map((i) => [i, itemKey(column, i)]));
  return rows.sort((a, b) => {
    const x = keys.get(a), y = keys.get(b);
    if (x === null || y === null) return (x === null) - (y === null);
    const order = typeof x === 'string' ? x.localeCompare(y, 'en') : x - y;
    return down ? -order : order;
  });
}

/** What the rows are sorted by: what was chosen, else the size of the change in the chosen blocks. */
function itemSorting() { return state.isort || (brushed() ? '-effect' : ''); }

function itemKey(column, i) {
  const t = VIEW.items;
  if (column === 'effect') { const { change } = effectsOf(i); return change === null ? null : Math.abs(change); }
  if (column in t.logit_difference) return t.logit_difference[column][i];
  return column === 'became' ? BECAME[t.became[i]] : t[column][i];
}

/** What the item gains in the chosen blocks in every model, and by how much that changed. */
function effectsOf(i) {
  if (!brushed()) return { models: {}, change: null };
  const models = Object.fromEntries(Object.keys(VIEW.items.right).map((role) => [role, effectThere(VIEW.items.gained[role] || [], i)]));
  const { base, distilled } = models;
  return { models, change: base === null || distilled === null || distilled === undefined ? null : distilled - base };
}

function effectCell(i) {
  if (!brushed()) return h('td', { hidden: true });
  const { models, change } = effectsOf(i);
  return h('td', { class: 'num' }, num(change), h('small', {}, Object.values(models).map((value) => num(value)).join(' | ')));
}

/** ✓ as asked, (✓) in another way only, with the logit difference. */
function itemCell(role, i) {
  const t = VIEW.items;
  const right = t.right[role][i], other = t.other_ways[role][i];
  const mark = right === null ? '–' : right ? '✓' : other ? '(✓)' : '✗';
  return h('td', {}, `${mark} `, h('small', {}, num(t.logit_difference[role][i])));
}

function itemLinks(i) {
  const t = VIEW.items;
  const kept = VIEW.models.filter((m) => m.page && t.map[m.key] && t.map[m.key][i]);
  return kept.flatMap((m, n) => [n ? ' ' : '', h('a', { href: `${m.page}#item=${encodeURIComponent(t.item[i])}` }, m.key)]);
}

function becameHeads() {
  const sort = itemSorting();
  for (const th of $('became-table').tHead.rows[0].cells) {
    const key = th.dataset.sort;
    if (key === 'effect') th.hidden = !brushed();
    th.removeAttribute('aria-sort');
    if (key && (sort === key || sort === `-${key}`)) th.setAttribute('aria-sort', sort === key ? 'ascending' : 'descending');
  }
}

async function renderBecame() {
  const t = VIEW.items;
  if (t.state !== 'ok') { for (const id of ['became', 'ifamily', 'cell']) fillSelect($(id), [], ''); $('range').hidden = true; return; }
  const count = (key) => (key === 'all' ? t.item.length : key === 'changed' ? CHANGED_ITEMS.reduce((n, k) => n + (t.counts[k] || 0), 0) : t.counts[key] || 0);
  fillSelect($('became'), Object.entries(BECAME).filter(([key]) => count(key) || key === 'changed').map(([value, text]) => ({ value, text: `${text} (${count(value)})` })), state.became);
  fillSelect($('ifamily'), [{ value: '', text: 'all families' }, ...unique(t.family).map((value) => ({ value, text: visible(value) }))], state.ifamily);
  fillRange();
  $('items-filters').replaceChildren(...filterChips([
    ...(state.ifamily ? [[`family ${clip(visible(state.ifamily), 40)}`, { ifamily: '' }]] : []), ...(state.ikind ? [[`kind ${state.ikind}`, { ikind: '' }]] : []),
    ...(state.q ? [[`“${clip(visible(state.q), 40)}”`, { q: '' }]] : []), ...(brushed() ? [[say('ranked_by_change', { blocks: brushWords() }), { lo: null, hi: null }]] : []),
  ]));
  searchProblems();
  becameHeads();
  const rows = chosenItems(), roles = Object.keys(t.right);
  const body = $('became-table').tBodies[0];
  body.replaceChildren(...rows.slice(0, ITEMS_SHOWN).map((i) => h('tr', {},
    h('th', { scope: 'row' }, h('bdi', {}, visible(t.prompt[i])), h('small', {}, visible(t.family[i]))), h('td', {}, h('bdi', {}, visible(t.answer[i]))),
    effectCell(i), ...roles.map((role) => itemCell(role, i)), h('td', { class: 'num' }, num(t.change[i])), h('td', {}, BECAME[t.became[i]]), h('td', {}, ...itemLinks(i)))));
  if (!rows.length) body.replaceChildren(h('tr', {}, h('td', { colspan: 6 + roles.length }, stateBox('empty', say('no_item'), say('of_items', { items: t.item.length }), h('button', { type: 'button', onclick: () => update({ became: 'all', ifamily: '', ikind: '', q: '' }) }, 'Show all items')))));
  const save = () => {
    const head = ['item', 'kind', 'family', 'prompt', 'answer', 'became', ...roles.flatMap((r) => [`${r}_right`, `${r}_right_otherwise`, `${r}_logit_difference`]), ...(brushed() ? roles.map((r) => `${r}_effect of ${brushWords()}`) : [])];
    const effects = (i) => (brushed() ? roles.map((r) => effectsOf(i).models[r]) : []);
    download(`${fileStem('items')}.csv`, new Blob([csv(head, rows.map((i) => [t.item[i], t.kind[i], t.family[i], t.prompt[i], t.answer[i], t.became[i], ...roles.flatMap((r) => [t.right[r][i], t.other_ways[r][i], t.logit_difference[r][i]]), ...effects(i)]))], { type: 'text/csv' }));
  };
  $('became-pager').replaceChildren(h('span', {}, `${Math.min(rows.length, ITEMS_SHOWN)} of ${rows.length} shown (${t.item.length} in all)`), h('button', { type: 'button', onclick: save }, 'CSV'));
}

/** The search goes through the problems with generated answers too: folds with a find stand open. */
function searchProblems() {
  const wanted = state.q.trim() !== '';
  for (const fold of document.querySelectorAll('.problems details')) {
    const rows = [...fold.querySelectorAll('tbody tr')];
    for (const row of rows) row.hidden = !matchesSearch(row.textContent);
    fold.hidden = rows.every((row) => row.hidden);
    if (wanted) fold.open = !fold.hidden;
  }
}

/** Buttons of the heads: down, up, as it was. */
function attachBecame() {
  if (VIEW.items.state !== 'ok') return;
  for (const th of $('became-table').tHead.rows[0].cells) {
    const key = th.dataset.sort;
    if (!key) continue;
    const next = () => ({ [`-${key}`]: key, [key]: '' }[state.isort] ?? `-${key}`);
    th.replaceChildren(h('button', { type: 'button', onclick: () => update({ isort: next() }) }, ...th.childNodes));
  }
}
