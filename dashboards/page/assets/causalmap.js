// Which block at which position moves the answer? Which of Python's figures the lists stand for, and the two prompts of a pair.

/** What is shown: the name of its figures, its item where it is one, and the measures that it has. */
function causalChoice() {
  const C = VIEW.causal;
  const item = C.items.find((i) => ofItem(i.item) === state.cgroup) || null;
  const group = item ? null : C.groups.find((g) => g.id === state.cgroup) || C.groups[0];
  if (!item && !group) return null;
  const id = item ? ofItem(item.item) : group.id;
  const label = item ? `${visible(item.item)} (${item.family})` : (group.family === null ? `all ${group.kind} pairs` : visible(group.family));
  return { id, item, label, measures: (C.measures.patching || []).filter((m) => hasFigure('causal', choiceName(id, m, 'all'))) };
}

/** Clean and counterfactual prompt over each other, cut at the same spans. */
function promptPair(item) {
  const cell = (text, part, other) => h('td', { class: part.name ? 'span' : null }, h('bdi', { class: text !== other ? 'differs' : null }, text === '' ? '' : visible(text)));
  const name = (p) => h('td', {}, p.name ? visible(p.name) : '');
  return h('div', { class: 'pairbox', tabindex: 0, role: 'region', 'aria-label': say('pair') }, h('table', { class: 'pair' }, h('tbody', {},
    h('tr', { class: 'names' }, h('th', { scope: 'row' }, 'span'), item.segments.map(name), h('td', {}, 'answer')),
    h('tr', {}, h('th', { scope: 'row' }, 'clean'), item.segments.map((p) => cell(p.clean, p, p.foil)), h('td', {}, tokenElement(item.answer))),
    h('tr', {}, h('th', { scope: 'row' }, 'foil'), item.segments.map((p) => cell(p.foil, p, p.clean)), h('td', {}, tokenElement(item.foil))))));
}

function causalLegend() {
  return h('p', { class: 'blanks' }, h('span', {}, h('i', { class: 'swatch zero' }), 'effect 0'), h('span', {}, h('i', { class: 'swatch hatched' }), 'can not matter'),
    h('span', {}, h('i', { class: 'swatch grey' }), 'not run'), h('span', {}, h('b', {}, '✖'), say('identity')));
}

async function renderCausal() {
  const host = $('causal-panel');
  const C = VIEW.causal;
  $('causal-caption').textContent = say('causal_first');
  const choice = C.groups.length ? causalChoice() : null;
  if (!choice) {
    for (const id of ['cgroup', 'cmeasure', 'csite']) fillSelect($(id), [], '');
    drawState('causal', host, stateBox('not_run', say('not_run', { what: say('interventions') }), C.state === 'ok' ? VIEW.labels.instruments.patching.not_run : C.text));
    return;
  }
  const named = (g) => (g.family === null ? `kind: ${g.kind}` : `family: ${visible(g.family)}`);
  fillSelect($('cgroup'), [...C.groups.map((g) => ({ value: g.id, text: `${named(g)} · n ${g.n_items}` })), ...C.items.map((i) => ({ value: ofItem(i.item), text: `item: ${clip(visible(i.item), 30)}` }))], state.cgroup);
  if (!choice.measures.includes(state.cmeasure)) state.cmeasure = choice.measures[0];
  fillSelect($('cmeasure'), choice.measures.map((m) => ({ value: m, text: causalMeta('patching', m).label })), state.cmeasure);
  fillSelect($('csite'), [{ value: 'all', text: 'all, side by side' }, ...Object.entries(C.components).map(([value, text]) => ({ value, text }))], state.csite);
  const meta = causalMeta('patching', state.cmeasure);
  $('causal-caption').textContent = say('causal', { measure: meta.label, pairs: choice.label, unit: meta.unit, more: choice.item ? say('causal_item', { rule: C.items_rule }) : say('causal_columns') });
  const figure = figureFor('causal', choiceName(choice.id, state.cmeasure, state.csite), host);
  if (!figure) {
    drawState('causal', host, stateBox('not_run', say('no_site', { measure: meta.label }), say('other_site'), h('button', { type: 'button', onclick: () => update({ csite: 'all', cmeasure: 'denoise' }) }, say('denoise_everywhere'))));
    $('causal-head').hidden = true;
    return;
  }
  $('causal-head').hidden = false;
  $('causal-head').replaceChildren(...(choice.item ? [promptPair(choice.item)] : []), causalLegend());
  await draw('causal', host, figure);
}
