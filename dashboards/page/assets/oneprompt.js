// Brings the page of a single prompt to life: the same lens map, nothing else.

async function renderOne() {
  $('lens-caption').textContent = say('lens_of_one');
  await renderLens(VIEW.lens_index[0]);
}

async function startOne() {
  await unpackFigures();
  document.documentElement.classList.add('js');
  declare('metric', 'top1', oneOf(...Object.keys(METRICS)));
  declare('pos', null, within(0, 1e6));
  declare('stream', null, within(0, VIEW.axes.n_layers));
  declare('x0', null, within(0, 1e6));
  declare('x1', null, within(0, 1e6));
  declare('tok', '', (v) => (/^-?\d+(\.\d+)*$/.test(v) ? v : undefined));
  declare('axis', 'stream', oneOf('stream', 'depth'));
  declare('theme', '', oneOf('light', 'dark'));
  readHash();
  applyTheme();
  $('axis').value = state.axis;
  $('axis').addEventListener('change', (e) => update({ axis: e.target.value }));
  $('metric').addEventListener('change', (e) => update({ metric: e.target.value }));
  $('zoomin').addEventListener('click', () => zoomLens(0.5));
  $('zoomout').addEventListener('click', () => zoomLens(2));
  $('zoomall').addEventListener('click', () => update({ x0: 0, x1: VIEW.lens_index[0].n_tokens - 1 }));
  $('theme').addEventListener('click', toggleTheme);
  $('copylink').addEventListener('click', copyLink);
  attachKeys({}, LENS_KEYS);
  let queue = Promise.resolve();
  onChange(() => { queue = queue.then(renderOne).catch((error) => { console.error(error); notice(error.message); }); });
  await renderOne();
  attachGlossary();
  markAllTerms();
  document.documentElement.dataset.ready = 'true';
}

startOne();
