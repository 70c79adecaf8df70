// Brings the report to life: hash keys, controls, and which view is drawn anew when something changes.

/** The map of the chosen item: whole, or at the positions that the run read. */
async function lensEntry() {
  const index = VIEW.lens_index;
  if (state.item === '' && index.length) return index[0];
  const whole = index.find((e) => e.item === state.item);
  if (whole) return whole;
  const i = state.item === '' ? C.read.findIndex((row) => row !== null) : C.item.indexOf(state.item);
  if (i < 0 || C.read[i] === null) return null;
  const key = `read-${C.read[i]}`;
  return lens && lens.entry.key === key ? lens.entry : readEntry(C.read[i], { answer: C.answer[i], foil: C.foil[i] });
}

/** Of an item's map: its prompt, and the blocks that the reader looks at with what they do for it (null without a range, or in no pair). */
function aboutMap({ item }) {
  const i = C.item.indexOf(item);
  if (i < 0) return {};
  const gained = brushed() ? effectThere(GAINED, i) : null;
  // Only what is replaced at a named span doesn't count from block 0.
  const at = gained !== null && VIEW.effects.cells[partLooked()].counts_from > 0 ? VIEW.effects.spans[C.family[i]] : 'last';
  const looked = gained === null ? null : { range: brushed(), at, words: say('lens_looked_at', { blocks: brushWords(), gained: num(gained) }) };
  return { looked, prompt: C.prompt[i] };
}

async function renderLensView() {
  const host = $('lens-panel');
  const index = VIEW.lens_index;
  $('lens-caption').textContent = VIEW.lens.state === 'ok'
    ? say(VIEW.lens_read ? 'lens_and_reads' : 'lens', { kept: index.length, rule: VIEW.lens.rule, read: VIEW.lens_read && VIEW.lens_read.prompts, where: VIEW.lens_read && VIEW.lens_read.positions.map(visible).join(', ') })
    : say('lens_first');
  if (VIEW.lens.state !== 'ok') {
    drawState('lensmap', host, stateBox(VIEW.lens.state, VIEW.lens.state === 'not_run' ? say('not_run', { what: say('lens_maps') }) : say('none_kept', { what: say('lens_maps') }), VIEW.lens.text));
    fillSelect($('lensitem'), [], '');
    fillSelect($('metric'), [], '');
    return;
  }
  let entry = null;
  try {
    entry = await lensEntry();
  } catch (error) {
    lens = null;
    drawState('lensmap', host, stateBox('not_run', say('lens_not_loaded'), error.message, h('button', { type: 'button', onclick: () => enqueue(renderLensView) }, 'Try again')));
    return;
  }
  const options = index.map((e) => ({ value: e.item, text: `${e.embedded ? '◆' : '◇'} ${clip(visible(e.item), 34)} (${e.why})` }));
  if (!entry || entry.part) options.unshift({ value: entry ? entry.item : state.item, text: `${clip(visible(entry ? entry.item : state.item), 34)} (${entry ? 'read positions' : 'no map'})` });
  fillSelect($('lensitem'), options, entry ? entry.item : state.item);
  if (entry) { await renderLens(entry, aboutMap(entry)); return; }
  lens = null;
  const i = C.item.indexOf(state.item);
  const prompt = i >= 0 && C.prompt[i] ? h('p', { class: 'prompt' }, h('bdi', { class: 'token' }, visible(C.prompt[i]))) : null;
  drawState('lensmap', host, h('div', {}, stateBox('not_run', say('no_lens_map', { item: visible(state.item) }),
    say('lens_kept', { kept: index.length, items: VIEW.items.total, rule: VIEW.lens.rule })), prompt));
}

const RENDER = {
  stages: { keys: ['stage', 'lo', 'hi', 'theme', 'width'], run: renderStages },
  heads: { keys: ['hfamily', 'theme', 'width'], run: renderHeads },
  curves: { keys: ['kind', 'inst', 'measure', 'target', 'scheme', 'at', 'site', 'lo', 'hi', 'axis', 'theme', 'width'], run: renderCurves },
  map: { keys: ['map', 'family', 'axis', 'theme', 'width'], run: renderMap },
  emergence: { keys: ['axis', 'theme', 'width'], run: renderEmergence },
  items: { keys: ['family', 'ikind', 'settled', 'q', 'lo', 'hi', 'cell', 'sort', 'item'], run: renderItems },
  lens: { keys: ['item', 'metric', 'pos', 'stream', 'x0', 'x1', 'tok', 'lo', 'hi', 'cell', 'axis', 'theme', 'width'], run: renderLensView },
  causal: { keys: ['cgroup', 'cmeasure', 'csite', 'axis', 'theme', 'width'], run: renderCausal },
};
redrawOnChange(RENDER);

function declareKeys() {
  const families = VIEW.behaviour.rows.map((r) => r.family);
  const present = instrumentsPresent();
  const kinds = kindsPresent();
  const pair = together(mainKinds());
  const text = (v) => (typeof v === 'string' && v.length < 400 ? v : undefined);
  const first = VIEW.labels.expected.find((i) => present.includes(i)) || present[0] || 'probe.linear';
  const anyOf = (key) => unique([...VIEW.series, ...VIEW.causal.lines].map((s) => s[key]));
  declare('stage', 'kinds', oneOf('kinds', ...VIEW.localisation.choices.map((c) => c.id)));
  declare('hfamily', headMaps().length ? headMaps()[0].family : '', oneOf(...headMaps().map((m) => m.family)));
  declare('kind', pair, oneOf(pair, 'all', ...kinds, ...families.map(ofFamily)));
  declare('inst', first, oneOf(...Object.keys(VIEW.labels.instruments)));
  const causal = VIEW.labels.instruments[first].measures[0];
  declare('measure', isCausal(first) ? causal : (first.startsWith('probe') ? 'accuracy' : 'answer_logprob'), oneOf(...Object.keys(VIEW.labels.measures), ...Object.values(VIEW.causal.measures).flat()));
  declare('site', 'mlp_out', oneOf(...Object.keys(VIEW.causal.components)));
  declare('cgroup', VIEW.causal.groups.length ? VIEW.causal.groups[0].id : '', oneOf(...VIEW.causal.groups.map((g) => g.id), ...VIEW.causal.items.map((i) => ofItem(i.item))));
  const patched = VIEW.causal.measures.patching || ['denoise'];
  declare('cmeasure', patched[0], oneOf(...patched));
  declare('csite', 'all', oneOf('all', ...Object.keys(VIEW.causal.components)));
  declare('target', VIEW.labels.defaults.target || '', oneOf(...anyOf('target')));
  declare('scheme', VIEW.labels.defaults.scheme || '', oneOf(...anyOf('scheme')));
  const both = VIEW.causal.lines.some((l) => l.instrument === 'patching' && l.position === 'spans');
  declare('at', isCausal(first) && both ? BOTH : VIEW.labels.defaults.position || 'last', oneOf(BOTH, ...anyOf('position')));
  declare('map', VIEW.maps.length ? VIEW.maps[0].id : '', oneOf(...VIEW.maps.map((m) => m.id)));
  declare('family', '', oneOf(...families));
  declare('sort', '', oneOf(...['item', 'family', 'kind', 'answer', 'foil', 'effect', 'logit_difference', 'rank', 'correct_by_choice', 'correct', 'emergence', 'reason'].flatMap((c) => [c, `-${c}`])));
  declare('ikind', '', oneOf(...unique(C.kind)));
  declare('settled', '', oneOf('never', ...VIEW.axes.stream.depth.map((_, stream) => String(stream))));
  declare('q', '', (v) => (v.length <= 200 ? v : undefined));
  declareBrush();
  declare('item', '', text);
  declare('metric', 'top1', oneOf(...Object.keys(METRICS)));
  declare('pos', null, within(0, 1e6));
  declare('stream', null, within(0, VIEW.axes.n_layers));
  declare('x0', null, within(0, 1e6));
  declare('x1', null, within(0, 1e6));
  declare('tok', '', (v) => (/^-?\d+(\.\d+)*$/.test(v) ? v : undefined));
  declare('axis', 'stream', oneOf('stream', 'depth'));
  declare('theme', '', oneOf('light', 'dark'));
}

function attachControls() {
  for (const id of ['stage', 'hfamily', 'kind', 'inst', 'measure', 'target', 'scheme', 'at', 'family', 'axis', 'metric', 'site', 'cgroup', 'cmeasure', 'csite']) if ($(id)) $(id).addEventListener('change', (e) => update({ [id]: e.target.value }));
  $('mapsel').addEventListener('change', (e) => update({ map: e.target.value }));
  $('lensitem').addEventListener('change', (e) => openItem(e.target.value, false));
  $('zoomin').addEventListener('click', () => zoomLens(0.5));
  $('zoomout').addEventListener('click', () => zoomLens(2));
  $('zoomall').addEventListener('click', () => { if (lens) update({ x0: 0, x1: lens.entry.n_tokens - 1 }); });
  attachTools();
  $('search').addEventListener('change', (e) => { if (e.target.value) openItem(e.target.value, true); });
  $('ids').replaceChildren(...C.item.slice(0, 500).map((id) => h('option', { value: id })));
  const toNext = attachPages();
  const rows = [['/', 'searches the items'], ...LENS_KEYS, ...(toNext ? [['m', say('key_next_model')]] : [])];
  attachKeys({ '/': () => $('q').focus(), ...(toNext ? { m: toNext } : {}) }, rows);
}

async function start() {
  document.documentElement.classList.add('js');
  const version = /^strata\.view\/(\d+)$/.exec(VIEW.schema);
  if (!version || Number(version[1]) > 2) { notice(say('newer', { reads: 'strata.view/2', schema: VIEW.schema })); return; }
  await unpackCausal();
  await unpackFigures();
  await unpackEffects();
  declareKeys();
  readHash();
  applyTheme();
  $('axis').value = state.axis;
  attachControls();
  attachItems();
  attachStages();
  attachRange();
  if (state.item && !C.item.includes(state.item)) { notice(say('item_gone', { item: visible(state.item) })); state.item = ''; }
  await drawAll(RENDER);
  if (location.hash.includes('item=') && state.item) $('lens').scrollIntoView({ block: 'start' });
  document.documentElement.dataset.ready = 'true';
}

start();
