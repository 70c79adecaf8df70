// Brings the page of `strata sweep` to life: a figure a view, of the kind or family that is chosen there.

const TRAJECTORIES = ['accuracy', 'depths', 'cells'];
const subjectsOf = (name) => VIEW.panels.filter((panel) => panel.view === name);

/** The hash key of a view is its name: which kind or family it shows. */
function trajectory(name) {
  return async () => {
    const panels = subjectsOf(name);
    const host = $(`${name}-panel`);
    if (!panels.length) {
      drawState(name, host, stateBox('empty', say('no_points'), say('no_sweep_numbers')));
      return;
    }
    fillSelect($(`${name}-of`), panels.map((p) => ({ value: p.subject, text: clip(visible(p.label), 60) })), state[name]);
    await draw(name, host, figureFor(name, state[name], host));
  };
}

const SWEEP_VIEWS = Object.fromEntries(TRAJECTORIES.map((name) => [name, { keys: [name, 'theme', 'width'], run: trajectory(name) }]));

async function startSweep() {
  document.documentElement.classList.add('js');
  await unpackFigures();
  for (const name of TRAJECTORIES) {
    const subjects = subjectsOf(name).map((p) => p.subject);
    declare(name, subjects[0] || '', oneOf(...subjects));
  }
  declare('theme', '', oneOf('light', 'dark'));
  readHash();
  applyTheme();
  for (const name of TRAJECTORIES) $(`${name}-of`).addEventListener('change', (e) => update({ [name]: e.target.value }));
  attachTools();
  attachKeys({}, []);
  onChange((changed) => {
    for (const view of Object.values(SWEEP_VIEWS)) if (view.keys.some((k) => changed.has(k))) enqueue(view.run);
  });
  await drawAll(SWEEP_VIEWS);
  document.documentElement.dataset.ready = 'true';
}

startSweep();
