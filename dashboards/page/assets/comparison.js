// Brings the comparison to life: hash keys, controls, and which of Python's figures the lists stand for.

const WAYS = NAMES.swap_ways;
const SHOWN = NAMES.layer_contrasts;

const BRUSHED = ['layermap', 'layers'];

function placeText(position) { return named('places', position) || say('at', { position: visible(position) }); }

/** What stands at a place of the names of a view's figures. */
function offered(view, at) { return unique(choicesOf(view).map((choice) => choiceParts(choice)[at])); }

/** Draws the chosen figure, or the reason why there is none. */
async function drawChoice(view, part, choice, title) {
  const host = $(`${view}-panel`);
  if (part.state !== 'ok') { drawState(view, host, stateBox(part.state, part.state === 'incomparable' ? say('not_comparable', { what: title }) : say('not_run', { what: title }), part.text)); return; }
  const figure = figureFor(view, choice, host);
  if (!figure || !figure.traces.length) { drawState(view, host, stateBox('not_run', say('nothing_to_draw', { what: title }), figure ? figure.note : '')); return; }
  await draw(view, host, BRUSHED.includes(view) ? brushable(view, figure) : figure);
}

function reading() {
  const all = VIEW.changes.readings;
  return all.find((r) => r.instrument === state.inst && r.measure === state.measure && r.position === state.at)
    || all.find((r) => r.instrument === state.inst && r.measure === state.measure) || all.find((r) => r.instrument === state.inst) || all[0];
}

function layerControls(r) {
  const all = VIEW.changes.readings;
  const show = Object.keys(SHOWN).filter((name) => hasFigure('layermap', choiceName(name, r.id)));
  if (!show.includes(state.show)) state.show = 'change';
  Object.assign(state, { inst: r.instrument, measure: r.measure, at: r.position });
  fillSelect($('show'), show.map((value) => ({ value, text: SHOWN[value] })), state.show);
  fillSelect($('inst'), unique(all.map((o) => o.instrument)).map((value) => ({ value, text: all.find((o) => o.instrument === value).instrument_label })), r.instrument);
  const mine = all.filter((o) => o.instrument === r.instrument);
  fillSelect($('measure'), unique(mine.map((o) => o.measure)).map((value) => ({ value, text: mine.find((o) => o.measure === value).label })), r.measure);
  fillSelect($('at'), mine.filter((o) => o.measure === r.measure).map((o) => ({ value: o.position, text: placeText(o.position) })), r.position);
  if (r.components.length && !r.components.includes(state.site)) state.site = r.components.includes('mlp_out') ? 'mlp_out' : r.components[0];
  fillSelect($('site'), r.components.map((value) => ({ value, text: VIEW.changes.components[value] || value })), state.site);
}

/** One key goes through the models and differences of the map layer by layer. */
function nextShown() {
  const offered = [...$('show').options].map((option) => option.value);
  if (!offered.length) return;
  const show = offered[(offered.indexOf(state.show) + 1) % offered.length];
  update({ show });
  notice(`Layer by layer: ${SHOWN[show]}.`);
}

async function renderLayers() {
  const part = VIEW.changes;
  if (part.state !== 'ok') {
    for (const id of ['show', 'inst', 'measure', 'at', 'site']) fillSelect($(id), [], '');
    await drawChoice('layermap', part, '', 'Layer by layer');
    $('layers-panel').hidden = true;
    return;
  }
  const r = reading();
  layerControls(r);
  await drawChoice('layermap', part, choiceName(state.show, r.id), 'Layer by layer');
  await drawChoice('layers', part, choiceName(r.id, r.components.length ? state.site : ''), 'Layer by layer');
}

async function renderLayerSwaps() {
  const part = VIEW.layer_swaps;
  const scores = offered('layer_swaps', 1).map((value) => ({ value, text: value === 'value' ? 'score' : value }));
  fillSelect($('gway'), offered('layer_swaps', 0).map((value) => ({ value, text: WAYS[value] })), state.gway);
  fillSelect($('gscore'), scores, state.gscore);
  fillSelect($('gmeasure'), offered('layer_swaps', 2).map((value) => ({ value, text: part.scores[value].label })), state.gmeasure);
  await drawChoice('layer_swaps', part, choiceName(state.gway, state.gscore, state.gmeasure), 'Layer swaps');
}

async function renderCrossed() {
  fillSelect($('cway'), choicesOf('crossed').map((value) => ({ value, text: WAYS[value] })), state.cway);
  await drawChoice('crossed', VIEW.crossed, state.cway, 'Cross-model patching');
}

async function renderWeights() {
  const names = choicesOf('weights');
  const name = names.includes(state.wmeasure) ? state.wmeasure : names[0];
  fillSelect($('wmeasure'), names.map((value) => ({ value, text: VIEW.weights.measures[value].label })), name);
  if (VIEW.weights.state === 'ok' && !names.length) {
    drawState('weights', $('weights-panel'), stateBox('not_run', say('no_change'), say('no_matrix')));
    return;
  }
  await drawChoice('weights', VIEW.weights, name, 'Weights');
}

async function renderSimilarity() {
  fillSelect($('spos'), choicesOf('similarity').map((value) => ({ value, text: placeText(value) })), state.spos);
  for (const one of document.querySelectorAll('#similarity li[data-position]')) one.hidden = one.dataset.position !== state.spos;
  await drawChoice('similarity', VIEW.similarity, state.spos, 'Similarity of streams');
}

async function renderContrasts() { await drawChoice('contrasts', VIEW.contrasts, 'all', 'Four contrasts'); }

async function renderTransfer() {
  const families = VIEW.transfer.families || [];
  const family = families.some((f) => f.family === state.tfamily) ? state.tfamily : (families[0] || { family: '' }).family;
  fillSelect($('tfamily'), families.map((f) => ({ value: f.family, text: `${f.kind}: ${visible(f.family)}` })), family);
  await drawChoice('transfer', VIEW.transfer, family, 'Probe transfer');
}

const RENDER = {
  stages: { keys: ['stage', 'lo', 'hi', 'theme', 'width'], run: renderStages },
  items: { keys: ['became', 'ifamily', 'ikind', 'q', 'isort', 'lo', 'hi', 'cell'], run: renderBecame },
  layers: { keys: ['show', 'inst', 'measure', 'at', 'site', 'lo', 'hi', 'axis', 'theme', 'width'], run: renderLayers },
  layer_swaps: { keys: ['gway', 'gscore', 'gmeasure', 'axis', 'theme', 'width'], run: renderLayerSwaps },
  crossed: { keys: ['cway', 'axis', 'theme', 'width'], run: renderCrossed },
  weights: { keys: ['wmeasure', 'axis', 'theme', 'width'], run: renderWeights },
  similarity: { keys: ['spos', 'axis', 'theme', 'width'], run: renderSimilarity },
  contrasts: { keys: ['axis', 'theme', 'width'], run: renderContrasts },
  transfer: { keys: ['tfamily', 'axis', 'theme', 'width'], run: renderTransfer },
};

redrawOnChange(RENDER);

function declareKeys() {
  const readings = VIEW.changes.readings || [];
  const first = readings.find((r) => r.measure === 'denoise' && r.position === 'last') || readings[0] || {};
  const every = (key) => oneOf(...unique(readings.map((r) => r[key])));
  declare('show', 'change', oneOf(...Object.keys(SHOWN)));
  declare('inst', first.instrument || '', every('instrument'));
  declare('measure', first.measure || '', every('measure'));
  declare('at', first.position || '', every('position'));
  declare('site', 'mlp_out', oneOf(...Object.keys(VIEW.changes.components || {})));
  declare('gway', 'into_base', oneOf(...Object.keys(WAYS)));
  declare('gscore', 'recovery', oneOf('recovery', 'value'));
  const recovered = (m) => isDrawn('layer_swaps', choiceName('into_base', 'recovery', m));
  const scores = Object.keys(VIEW.layer_swaps.scores || {});
  declare('gmeasure', scores.find(recovered) || 'logit_difference', oneOf(...scores));
  declare('cway', 'into_base', oneOf(...Object.keys(WAYS)));
  declare('wmeasure', 'relative_norm', oneOf(...Object.keys(VIEW.weights.measures || {})));
  const positions = VIEW.similarity.positions || [];
  declare('spos', positions.includes('last') ? 'last' : positions[0] || '', oneOf(...positions));
  const families = (VIEW.transfer.families || []).map((f) => f.family);
  declare('tfamily', families[0] || '', oneOf(...families));
  declare('stage', 'kinds', oneOf('kinds', ...VIEW.stages.choices.map((c) => c.id)));
  declare('became', 'changed', oneOf(...Object.keys(BECAME)));
  declare('ifamily', '', oneOf(...unique(VIEW.items.family || [])));
  declare('ikind', '', oneOf(...unique(VIEW.items.kind || [])));
  declare('isort', '', oneOf(...['prompt', 'answer', 'effect', ...Object.keys(VIEW.items.right || {}), 'change', 'became'].flatMap((c) => [c, `-${c}`])));
  declare('q', '', (v) => (v.length <= 200 ? v : undefined));
  declareBrush();
  declare('axis', 'stream', oneOf('stream', 'depth'));
  declare('theme', '', oneOf('light', 'dark'));
}

async function start() {
  document.documentElement.classList.add('js');
  const version = /^strata\.comparison-view\/(\d+)$/.exec(VIEW.schema);
  if (!version || Number(version[1]) > 1) { notice(say('newer', { reads: 'strata.comparison-view/1', schema: VIEW.schema })); return; }
  VIEW.items = JSON.parse(new TextDecoder().decode(await inflate($('items-blob').textContent)));
  await unpackFigures();
  declareKeys();
  readHash();
  applyTheme();
  $('axis').value = state.axis;
  attachTools();
  attachStages();
  attachRange();
  attachBecame();
  attachKeys({ m: nextShown, '/': () => $('q').focus() }, [['m', say('key_next_shown')], ['/', 'searches the items']]);
  for (const id of ['stage', 'axis', 'show', 'inst', 'measure', 'at', 'site', 'gway', 'gscore', 'gmeasure', 'cway', 'wmeasure', 'spos', 'tfamily', 'became', 'ifamily']) $(id).addEventListener('change', (e) => update({ [id]: e.target.value }));
  await drawAll(RENDER);
  document.documentElement.dataset.ready = 'true';
}

start();
