// What became of each item? A table of base, distilled and control, filtered by what happened and by family.

const BECAME = { changed: 'changed', lost: 'lost in every way', format: 'lost as asked only', gained: 'gained', kept: 'answered by both', unanswered: 'answered by neither', unpaired: 'not asked of both', all: 'all items' };
const CHANGED_ITEMS = ['lost', 'format', 'gained'];
const ITEMS_SHOWN = 200;

function chosenItems() {
  const t = VIEW.items;
  const here = (i) => (state.became === 'all' || t.became[i] === state.became || (state.became === 'changed' && CHANGED_ITEMS.includes(t.became[i])));
  return t.item.map((_, i) => i).filter((i) => here(i) && (!state.ifamily || t.family[i] === state.ifamily));
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

async function renderBecame() {
  const t = VIEW.items;
  if (t.state !== 'ok') { for (const id of ['became', 'ifamily']) fillSelect($(id), [], ''); return; }
  const count = (key) => (key === 'all' ? t.item.length : key === 'changed' ? CHANGED_ITEMS.reduce((n, k) => n + (t.counts[k] || 0), 0) : t.counts[key] || 0);
  fillSelect($('became'), Object.entries(BECAME).filter(([key]) => count(key) || key === 'changed').map(([value, text]) => ({ value, text: `${text} (${count(value)})` })), state.became);
  fillSelect($('ifamily'), [{ value: '', text: 'all families' }, ...unique(t.family).map((value) => ({ value, text: visible(value) }))], state.ifamily);
  const rows = chosenItems(), roles = Object.keys(t.right);
  const body = $('became-table').tBodies[0];
  body.replaceChildren(...rows.slice(0, ITEMS_SHOWN).map((i) => h('tr', {},
    h('th', { scope: 'row' }, h('bdi', {}, visible(t.prompt[i])), h('small', {}, visible(t.family[i]))), h('td', {}, h('bdi', {}, visible(t.answer[i]))),
    ...roles.map((role) => itemCell(role, i)), h('td', { class: 'num' }, num(t.change[i])), h('td', {}, BECAME[t.became[i]]), h('td', {}, ...itemLinks(i)))));
  if (!rows.length) body.replaceChildren(h('tr', {}, h('td', { colspan: 5 + roles.length }, stateBox('empty', 'No item matches', `0 of ${t.item.length} items.`))));
  const save = () => {
    const head = ['item', 'kind', 'family', 'prompt', 'answer', 'became', ...roles.flatMap((r) => [`${r}_right`, `${r}_right_otherwise`, `${r}_logit_difference`])];
    download(`${fileStem('items')}.csv`, new Blob([csv(head, rows.map((i) => [t.item[i], t.kind[i], t.family[i], t.prompt[i], t.answer[i], t.became[i], ...roles.flatMap((r) => [t.right[r][i], t.other_ways[r][i], t.logit_difference[r][i]])]))], { type: 'text/csv' }));
  };
  $('became-pager').replaceChildren(h('span', {}, `${Math.min(rows.length, ITEMS_SHOWN)} of ${rows.length} shown (${t.item.length} in all)`), h('button', { type: 'button', onclick: save }, 'CSV'));
}
