// Brings the page of `strata probe` to life: which of Python's figures the lists stand for, and a click on a stream.

const SHOWN = NAMES.probe_lines;

function chosenPosition() { return VIEW.positions.find((p) => p.name === state.at) || VIEW.positions[0]; }
function chosenStream() { return state.layer === null ? chosenPosition().best : state.layer; }
function figureName(of) { return choiceName(VIEW.positions.indexOf(chosenPosition()), of); }

function attachAccuracy(gd) { gd.on('plotly_click', (event) => update({ layer: event.points[0].x })); }

async function renderAccuracy() {
  const position = chosenPosition();
  const host = $('accuracy-panel');
  const offered = Object.keys(SHOWN).filter((measure) => hasFigure('accuracy', figureName(measure)));
  if (!offered.includes(state.measure)) state.measure = 'accuracy';
  fillSelect($('at'), VIEW.positions.map((p) => ({ value: p.name, text: visible(p.name) })), position.name);
  fillSelect($('measure'), offered.map((value) => ({ value, text: SHOWN[value] })), state.measure);
  await draw('accuracy', host, { ...figureFor('accuracy', figureName(state.measure), host), attach: attachAccuracy });
}

async function renderConfusion() {
  const { streams } = chosenPosition();
  const host = $('confusion-panel');
  fillSelect($('layer'), streams.map((l) => ({ value: String(l), text: l === chosenPosition().best ? `${l} (best)` : String(l) })), String(chosenStream()));
  await draw('confusion', host, figureFor('confusion', figureName(chosenStream()), host));
}

const PROBE_VIEWS = {
  accuracy: { keys: ['at', 'measure', 'axis', 'theme', 'width'], run: renderAccuracy },
  confusion: { keys: ['at', 'layer', 'theme', 'width'], run: renderConfusion },
};

async function startProbe() {
  document.documentElement.classList.add('js');
  await unpackFigures();
  declare('at', VIEW.positions[0].name, oneOf(...VIEW.positions.map((p) => p.name)));
  declare('measure', 'accuracy', oneOf(...Object.keys(SHOWN)));
  declare('layer', null, within(0, VIEW.axes.n_layers));
  declare('axis', 'stream', oneOf('stream', 'depth'));
  declare('theme', '', oneOf('light', 'dark'));
  readHash();
  applyTheme();
  $('axis').value = state.axis;
  $('axis').addEventListener('change', (e) => update({ axis: e.target.value }));
  $('at').addEventListener('change', (e) => update({ at: e.target.value }));
  $('measure').addEventListener('change', (e) => update({ measure: e.target.value }));
  $('layer').addEventListener('change', (e) => update({ layer: Number(e.target.value) }));
  attachTools();
  attachKeys({}, []);
  redrawOnChange(PROBE_VIEWS);
  await drawAll(PROBE_VIEWS);
  document.documentElement.dataset.ready = 'true';
}

startProbe();
