// Brings the comparison to life: hash keys, controls, and which view is drawn anew when something changes.

const WAYS = { into_base: 'into the base', out_of_base: 'from the base into the trained model' };

async function renderLayerSwaps() {
  const part = VIEW.layer_swaps;
  if (part.state !== 'ok') { for (const id of ['gway', 'gscore', 'gmeasure']) fillSelect($(id), [], ''); await drawPanels('layer_swaps', part, null, 'Layer swaps'); return; }
  const ways = Object.keys(WAYS).filter((w) => part.lines.some((l) => l.direction === w));
  const measures = Object.keys(part.scores).filter((m) => part.lines.some((l) => l.measure === m));
  fillSelect($('gway'), ways.map((value) => ({ value, text: WAYS[value] })), state.gway);
  fillSelect($('gscore'), [{ value: 'recovery', text: 'recovery' }, { value: 'value', text: 'score' }], state.gscore);
  fillSelect($('gmeasure'), measures.map((value) => ({ value, text: part.scores[value].label })), state.gmeasure);
  const here = (l) => l.direction === state.gway && l.measure === state.gmeasure;
  const lines = part.lines.filter((l) => here(l) && l.score === state.gscore);
  // Some measures are made one way only.
  const made = part.lines.filter(here);
  const kinds = kindColumns(made.length ? made : part.lines);
  const reason = (kind) => unique(part.reasons.filter((r) => here(r) && r.kind === kind).map((r) => `${r.contrast}: ${r.text}`)).join('; ');
  const guides = (column) => (state.gscore === 'recovery' ? [{ value: 0, text: '0: the target model' }, { value: 1, text: '1: the source model' }]
    : part.whole.filter((w) => here(w) && w.kind === column.id && ['nothing', 'everything'].includes(w.sweep) && w.value !== null && w.contrast !== 'random')
      .map((w) => ({ value: w.value, text: '', ink: w.sweep === 'everything' ? ROLE_STYLE[state.gway === 'into_base' ? w.contrast : 'base'].ink : ROLE_STYLE[state.gway === 'into_base' ? 'base' : w.contrast].ink })));
  const unit = state.gscore === 'recovery' ? 'recovery' : part.scores[state.gmeasure].unit;
  await drawPanels('layer_swaps', part, {
    columns: kinds.map((id) => ({ id, title: id })), axis: 'block', rowHeight: 190,
    rows: Object.entries(part.sweeps).filter(([id]) => !made.length || made.some((l) => l.sweep === id)).map(([id, title]) => ({ id, title, y: unit, guides })),
    cell: (row, column) => ({
      lines: Object.keys(part.sources).flatMap((who) => lines.filter((l) => l.contrast === who && l.sweep === row.id && l.kind === column.id)
        .map((line) => ({ line, style: ROLE_STYLE[who], name: part.sources[who] }))),
      reason: reason(column.id) || (made.length ? 'Nothing to recover.' : 'Not asked this way.'),
    }),
  }, 'Layer swaps');
  const plot = plots.get('layer_swaps');
  const told = plot ? plot.spec.dropped.map((d) => d.column) : [];
  const absent = unique(kinds.filter((k) => !told.includes(k)).map((k) => reason(k) && `${k}: ${reason(k)}`).filter(Boolean));
  if (plot && state.gscore === 'recovery' && absent.length) plot.note.textContent = `${plot.spec.note} No recovery for ${absent.join('; ')}.`;
}

async function renderCrossed() {
  const part = VIEW.crossed;
  if (part.state !== 'ok') { fillSelect($('cway'), [], ''); await drawPanels('crossed', part, null, 'Cross-model patching'); return; }
  const all = [...part.lines, ...part.reasons];
  const ways = Object.keys(WAYS).filter((w) => all.some((l) => l.direction === w));
  fillSelect($('cway'), ways.map((value) => ({ value, text: WAYS[value] })), state.cway);
  const parts = part.parts.length ? part.parts : [{ component: null, position: null, label: 'any contribution' }];
  await drawPanels('crossed', part, {
    columns: kindColumns(all).map((id) => ({ id, title: id })), axis: 'block', rowHeight: 150,
    rows: parts.map((p) => ({ id: p, title: p.label, y: 'share brought over', guides: () => [{ value: 0, text: '' }] })),
    cell: (row, column) => ({
      lines: Object.keys(part.sources).flatMap((who) => part.lines
        .filter((l) => l.contrast === who && l.direction === state.cway && l.kind === column.id && l.component === row.id.component && l.position === row.id.position)
        .map((line) => ({ line, style: ROLE_STYLE[who], name: part.sources[who] }))),
      reason: unique(part.reasons.filter((r) => r.direction === state.cway && r.kind === column.id).map((r) => `${r.contrast}: ${r.text}`)).join('; '),
    }),
  }, 'Cross-model patching');
}

async function renderSimilarity() {
  const part = VIEW.similarity;
  if (part.state === 'ok') fillSelect($('spos'), part.positions.map((value) => ({ value, text: placeText(value) })), state.spos);
  else fillSelect($('spos'), [], '');
  for (const one of document.querySelectorAll('#similarity li[data-position]')) one.hidden = one.dataset.position !== state.spos;
  const here = (of) => (of || []).filter((l) => l.position === state.spos);
  const lines = here(part.lines), families = here(part.family_lines);
  const one = [{ value: 1, text: '1: the same' }];
  const name = (line) => `${line.contrast} with base${line.dimensions === 'trimmed' ? ', without dominant dimensions' : ''}`;
  const rows = Object.entries(part.measures || {}).map(([id, title]) => ({ id, title, y: id === 'cka' ? 'CKA' : 'cosine', guides: () => one }));
  if (families.length) rows.splice(1, 0, { id: 'families', title: 'CKA without each family in turn', y: 'CKA', guides: () => one });
  await drawPanels('similarity', part, {
    columns: kindColumns(lines).map((id) => ({ id, title: id })), axis: 'stream', rowHeight: 190, rows,
    cell: (row, column) => ({
      lines: (row.id === 'families' ? families : lines.filter((l) => l.measure === row.id)).filter((l) => l.kind === column.id)
        .map((line) => ({ line, style: dimensionStyle(line, ROLE_STYLE[line.contrast]), name: name(line) })),
      reason: row.id === 'families' ? 'All items are of one family.' : 'Too few items.',
    }),
  }, 'Similarity of streams');
}

/** Without dominant dimensions: the same ink, dotted, with open marks and without a band. */
function dimensionStyle(line, style) {
  return line.dimensions === 'trimmed' ? { ...style, soft: null, dash: 'dot', symbol: `${style.symbol.replace('-open', '')}-open` } : style;
}

/** Of one model with itself: lines tell the instructions apart, so colours stay the models'. */
const CONTRAST_STYLE = {
  fast_slow: { ink: 'beyond', dash: 'solid', symbol: 'circle' },
  fast_other: { ink: 'beyond', dash: 'dash', symbol: 'square-open' },
  fast_fast: { ink: 'strong-line', dash: 'dot', symbol: 'triangle-up' },
  slow_slow: { ink: 'strong-line', dash: 'dashdot', symbol: 'diamond-open' },
};

async function renderContrasts() {
  const part = VIEW.contrasts;
  if (part.state !== 'ok') { await drawPanels('contrasts', part, null, 'Four contrasts'); return; }
  const models = VIEW.models.map((m) => m.key).filter((m) => part.lines.some((l) => l.model === m));
  const why = (kind, of) => unique(part.reasons.filter((r) => (!r.kind || r.kind === kind) && (!of || r.model === of)).map((r) => `${r.model}: ${r.text}`)).join('; ');
  const kinds = kindColumns(part.lines);
  // One range for all models, which an empty panel beside doesn't stretch.
  const values = part.lines.filter((l) => l.contrast !== 'excess').flatMap((l) => l.mean).filter((v) => v !== null);
  const range = [Math.min(...values), Math.max(...values)].map((v, i, [low, high]) => v + (i ? 0.08 : -0.08) * (high - low || 0.1));
  await drawPanels('contrasts', part, {
    columns: kinds.map((id) => ({ id, title: id })), axis: 'stream', rowHeight: 150, aria: part.aria,
    rows: [{ id: 'excess', title: 'excess', y: 'difference of CKA', guides: () => [{ value: 0, text: '0: no more than another next token' }] },
      ...(part.family_lines.length ? [{ id: 'families', title: 'excess without each family in turn', y: 'difference of CKA', guides: () => [{ value: 0, text: '' }] }] : []),
      ...models.map((id) => ({ id, title: id, y: 'CKA', range }))],
    cell: (row, column) => {
      const here = (row.id === 'families' ? part.family_lines : part.lines).filter((l) => l.kind === column.id);
      const less = (line) => (line.dimensions === 'trimmed' ? ', without dominant dimensions' : '');
      const lines = row.id === 'excess' || row.id === 'families'
        ? models.flatMap((m) => here.filter((l) => l.contrast === 'excess' && l.model === m).map((line) => ({ line, style: dimensionStyle(line, ROLE_STYLE[m]), name: `excess, ${m}${less(line)}` })))
        : Object.keys(part.names).flatMap((c) => here.filter((l) => l.contrast === c && l.model === row.id).map((line) => ({ line, style: dimensionStyle(line, CONTRAST_STYLE[c]), name: `${part.names[c]}${less(line)}` })));
      return { lines, reason: why(column.id, models.includes(row.id) ? row.id : null) || 'Not measured.' };
    },
  }, 'Four contrasts');
  const plot = plots.get('contrasts');
  const told = plot ? plot.spec.dropped.map((d) => d.column) : [];
  const absent = unique(part.reasons.filter((r) => !told.includes(r.kind)).map((r) => `${[r.model, r.kind].filter(Boolean).join(', ')}: ${r.text}`));
  if (plot && absent.length) plot.note.textContent = `${plot.spec.note} ${absent.join('; ')}.`;
}

async function renderTransfer() {
  const part = VIEW.transfer;
  const families = (part.families || []).map((f) => f.family);
  fillSelect($('tfamily'), (part.families || []).map((f) => ({ value: f.family, text: `${f.kind}: ${visible(f.family)}` })), families.includes(state.tfamily) ? state.tfamily : families[0]);
  const lines = (part.lines || []).filter((l) => l.family === $('tfamily').value);
  const roles = unique(lines.map((l) => l.contrast));
  const dashes = { own: 'solid', direct: 'dash', procrustes: 'dot' };
  const symbols = { own: 'circle', direct: 'square', procrustes: 'triangle-up' };
  const inks = { own: 'strong-line', direct: 'b', procrustes: 'a' };
  await drawPanels('transfer', part, {
    columns: [{ id: 'forth', title: 'base → model' }, { id: 'back', title: 'model → base' }], axis: 'stream', rowHeight: 190,
    rows: roles.map((id) => ({ id, title: id, y: 'accuracy', guides: (column) => lines.filter((l) => l.contrast === id && l.direction === column.id && l.measure === 'plain').map((l) => ({ value: l.majority[0], text: 'most frequent answer' })) })),
    cell: (row, column) => ({
      lines: lines.filter((l) => l.contrast === row.id && l.direction === column.id)
        .map((line) => ({ line, style: { ink: inks[line.measure], soft: `${{ own: 'random', direct: 'b', procrustes: 'a' }[line.measure]}-soft`, dash: dashes[line.measure], symbol: symbols[line.measure] }, name: part.measures[line.measure] })),
      reason: unique(part.reasons.filter((r) => r.contrast === row.id).map((r) => r.text)).join('; '),
    }),
  }, 'Probe transfer');
}

const RENDER = {
  stages: { keys: ['stage', 'theme', 'width'], run: renderStages },
  items: { keys: ['became', 'ifamily', 'theme'], run: renderBecame },
  layers: { keys: ['show', 'inst', 'measure', 'at', 'site', 'axis', 'theme', 'width'], run: renderLayers },
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
  const recovered = (m) => (VIEW.layer_swaps.lines || []).some((l) => l.score === 'recovery' && l.measure === m && l.direction === 'into_base');
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
  declare('axis', 'stream', oneOf('stream', 'depth'));
  declare('theme', '', oneOf('light', 'dark'));
}

async function start() {
  document.documentElement.classList.add('js');
  const version = /^strata\.comparison-view\/(\d+)$/.exec(VIEW.schema);
  if (!version || Number(version[1]) > 1) { notice(`This page reads strata.comparison-view/1, the data is ${VIEW.schema}: rebuild the report.`); return; }
  Object.assign(VIEW, JSON.parse(new TextDecoder().decode(await inflate($('comparison-blob').textContent))));
  await unpackFigures();
  declareKeys();
  readHash();
  applyTheme();
  $('axis').value = state.axis;
  attachTools();
  attachStages();
  for (const id of ['stage', 'axis', 'show', 'inst', 'measure', 'at', 'site', 'gway', 'gscore', 'gmeasure', 'cway', 'wmeasure', 'spos', 'tfamily', 'became', 'ifamily']) $(id).addEventListener('change', (e) => update({ [id]: e.target.value }));
  await drawAll(RENDER);
  document.documentElement.dataset.ready = 'true';
}

start();
