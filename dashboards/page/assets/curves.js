// How does each instrument's value change from layer to layer? Which of Python's figures the lists stand for.

function isCausal(instrument) { return ['patching', 'ablation'].includes(instrument); }
function kindsPresent() { return VIEW.labels.kinds.filter((k) => VIEW.verdict.kinds.some((v) => v.kind === k) || VIEW.series.some((s) => s.kind === k)); }
function instrumentsPresent() { return Object.keys(VIEW.labels.instruments).filter((i) => VIEW.series.some((s) => s.instrument === i) || VIEW.causal.lines.some((s) => s.instrument === i)); }

/** What is shown first: knowledge and reasoning as far as they were asked, else the first two kinds. */
function mainKinds() {
  const kinds = kindsPresent();
  const main = kinds.filter((k) => k === 'knowledge' || k === 'reasoning');
  return main.length ? main : kinds.slice(0, 2);
}

/** Both at once are a choice of their own. */
function together(kinds) { return kinds.join('+'); }

/** The kinds that a choice stands for; none where it is a family. */
function shownKinds(choice) {
  const kinds = kindsPresent(), main = mainKinds();
  return choice === 'all' ? kinds : choice === together(main) ? main : kinds.filter((k) => k === choice);
}

function curveControls() {
  const measures = VIEW.labels.measures;
  const kinds = kindsPresent();
  const main = mainKinds();
  const show = [...(main.length > 1 ? [{ value: together(main), text: main.join(' and ') }] : []),
    ...kinds.map((k) => ({ value: k, text: kinds.length > 1 ? `${k} only` : k }))];
  if (kinds.length > 2) show.push({ value: 'all', text: say('all_kinds') });
  for (const row of VIEW.behaviour.rows) show.push({ value: ofFamily(row.family), text: `family: ${visible(row.family)}${row.answered ? '' : ' (not answered)'}` });
  fillSelect($('kind'), show, state.kind);
  const present = instrumentsPresent();
  const listed = unique([...present.filter((i) => i !== 'lens.bias'), ...VIEW.labels.expected]);
  fillSelect($('inst'), listed.map((i) => ({ value: i, text: (VIEW.labels.instruments[i] || { label: i }).label + (present.includes(i) ? '' : ' (not run)') })), state.inst);
  if (isCausal(state.inst)) { causalControls(); return; }
  fillSelect($('site'), [], '');
  const here = VIEW.series.filter((s) => s.instrument === state.inst && s.family === null);
  const offered = (VIEW.labels.instruments[state.inst] || { measures: [] }).measures.filter((m) => here.some((s) => s.measure === m));
  if (offered.length && !offered.includes(state.measure)) state.measure = offered[0];
  fillSelect($('measure'), offered.map((m) => ({ value: m, text: measures[m].label })), state.measure);
  const lens = state.inst.startsWith('lens'); // it has neither target nor folds
  const of = (key) => (lens && key !== 'position' ? [] : unique(here.filter((s) => s.measure === state.measure).map((s) => s[key])));
  const words = { cluster: 'entity-disjoint', template: 'template-disjoint', random: 'random (leaks)' };
  for (const [id, key] of [['target', 'target'], ['scheme', 'scheme'], ['at', 'position']]) {
    const values = of(key);
    if (values.length && !values.includes(state[id])) state[id] = values.includes(VIEW.labels.defaults[key]) ? VIEW.labels.defaults[key] : values[0];
    fillSelect($(id), values.map((v) => ({ value: v, text: words[v] || v })), state[id]);
  }
}

/** The figure's name: what the lists are set to, empty where there is no such list. */
function curveChoice() {
  const listed = (id) => ($(id).options.length ? state[id] : '');
  const of = isCausal(state.inst) ? [listed('site'), state.at] : [listed('target'), listed('scheme'), state.at];
  return choiceName(state.kind, state.inst, state.measure, ...of);
}

async function renderCurves() {
  curveControls();
  const host = $('curves-panel');
  const instrument = VIEW.labels.instruments[state.inst];
  $('curves-caption').textContent = say('curves', { instrument: instrument.label, says: instrument.says });
  if (!instrumentsPresent().includes(state.inst)) {
    drawState('curves', host, stateBox('not_run', say('not_run', { what: instrument.label }), instrument.not_run));
    return;
  }
  if (isCausal(state.inst)) $('curves-caption').textContent = causalCaption();
  const figure = figureFor('curves', curveChoice(), host);
  if (!figure) {
    const clear = h('button', { type: 'button', onclick: () => update({ kind: defaults.kind }) }, 'Show whole kinds');
    drawState('curves', host, stateBox('empty', say('no_curve'), isCausal(state.inst) ? say('no_pair') : say('no_series', { series: VIEW.series.length }), clear));
    return;
  }
  await draw('curves', host, brushable('curves', figure));
}
