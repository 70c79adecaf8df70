// Brings the page of `strata behave` to life: a figure a measure, of the kind that is chosen there.

/** One measure: `key` is the part of the hash that says which kind is shown. */
function renderer(name, key) {
  return async () => {
    const parts = VIEW[name];
    if (!parts.length) return;
    const part = parts.find((p) => p.kind === state[key]) || parts[0];
    fillSelect($(key), parts.map((p) => ({ value: p.kind, text: clip(visible(p.kind), 60) })), part.kind);
    const host = $(`${name}-panel`);
    if (hasFigure(name, part.kind)) await draw(name, host, figureFor(name, part.kind, host));
    else drawState(name, host, stateBox('empty', say('no_stream_curve'), say('no_streams', { kind: part.kind, why: part.why_no_panels })));
  };
}

const MEASURES = {
  confidence: 'ckind', pressure: 'pkind', chain: 'links', fast_slow: 'fkind', information_gain: 'gkind', chain_confidence: 'skind',
  knowledge_index: 'tkind',
};
const BEHAVE_VIEWS = Object.fromEntries(Object.entries(MEASURES).map(([name, key]) => [name, { keys: [key, 'axis', 'theme', 'width'], run: renderer(name, key) }]));

async function startBehave() {
  document.documentElement.classList.add('js');
  await unpackFigures();
  for (const [name, key] of Object.entries(MEASURES)) {
    const parts = VIEW[name];
    const curved = parts.find((p) => p.panels.length) || parts[0];
    declare(key, curved ? curved.kind : '', oneOf(...parts.map((p) => p.kind)));
  }
  declare('axis', 'stream', oneOf('stream', 'depth'));
  declare('theme', '', oneOf('light', 'dark'));
  readHash();
  applyTheme();
  $('axis').value = state.axis;
  for (const id of ['axis', ...Object.values(MEASURES)].filter((one) => $(one))) $(id).addEventListener('change', (e) => update({ [id]: e.target.value }));
  attachTools();
  attachKeys({}, []);
  redrawOnChange(BEHAVE_VIEWS);
  await drawAll(BEHAVE_VIEWS);
  document.documentElement.dataset.ready = 'true';
}

startBehave();
