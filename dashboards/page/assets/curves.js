// How does each instrument's value change from layer to layer? Means with bands, baselines in grey.

const KIND_STYLE = {
  knowledge: { dash: 'solid', symbol: 'circle' },
  reasoning: { dash: 'dash', symbol: 'square' },
  composite: { dash: 'dot', symbol: 'triangle-up' },
  control: { dash: 'dashdot', symbol: 'diamond-open' },
};
const REFERENCE_DASH = { chance: 'dot', shuffled: 'dashdot', control_accuracy: 'dash', embedding_only: 'longdash', random_init: 'longdashdot', null_logprob: 'dash' };
const RANK_TICKS = [0, 1, 10, 100, 1000, 10000, 100000];

function isCausal(instrument) { return ['patching', 'ablation', 'knockout', 'attribution'].includes(instrument); }
function kindsPresent() { return VIEW.labels.kinds.filter((k) => VIEW.verdict.kinds.some((v) => v.kind === k) || VIEW.series.some((s) => s.kind === k)); }
function instrumentsPresent() { return Object.keys(VIEW.labels.instruments).filter((i) => VIEW.series.some((s) => s.instrument === i) || VIEW.causal.lines.some((s) => s.instrument === i)); }
function unique(values) { return [...new Set(values)].filter((v) => v !== null && v !== undefined); }

/** What is shown first: knowledge and reasoning as far as they were asked, else the first two kinds. */
function mainKinds() {
  const kinds = kindsPresent();
  const main = kinds.filter((k) => k === 'knowledge' || k === 'reasoning');
  return main.length ? main : kinds.slice(0, 2);
}

/** The kinds or the family that `kind` in the hash stands for. */
function chosenGroups() {
  if (state.kind.startsWith('family:')) {
    const family = state.kind.slice(7);
    const row = VIEW.behaviour.rows.find((r) => r.family === family);
    return row ? [{ kind: row.kind, family, label: family }] : [];
  }
  const present = kindsPresent();
  // A kind that was not asked has no axes, also where a link names it.
  const kinds = state.kind === 'all' ? present : state.kind.split('+').filter((kind) => present.includes(kind));
  return kinds.map((kind) => ({ kind, family: null, label: kind }));
}

function findSeries(instrument, measure, group) {
  const lens = instrument.startsWith('lens');
  return VIEW.series.find((s) => s.instrument === instrument && s.measure === measure && s.kind === group.kind && s.family === group.family
    && (lens || s.target === null || s.target === state.target) && (lens || s.scheme === null || s.scheme === state.scheme) && s.position === state.at);
}

function xTitle(axis) {
  const count = VIEW.axes.n_layers;
  if (state.axis === 'depth') return `depth (0 = embedding, 1 = after the last of ${count} blocks)`;
  return axis === 'stream' ? `stream (s enters block s; ${count} = after the last block)` : 'block';
}

function curveControls() {
  const measures = VIEW.labels.measures;
  const kinds = kindsPresent();
  const main = mainKinds();
  const show = [...(main.length > 1 ? [{ value: main.join('+'), text: main.join(' and ') }] : []),
    ...kinds.map((k) => ({ value: k, text: kinds.length > 1 ? `${k} only` : k }))];
  if (kinds.length > 2) show.push({ value: 'all', text: 'all kinds, side by side' });
  for (const row of VIEW.behaviour.rows) show.push({ value: `family:${row.family}`, text: `family: ${visible(row.family)}${row.answered ? '' : ' (not answered)'}` });
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
  const of = (key) => unique(here.filter((s) => s.measure === state.measure).map((s) => s[key]));
  const words = { cluster: 'entity-disjoint', template: 'template-disjoint', random: 'random (leaks)' };
  for (const [id, key] of [['target', 'target'], ['scheme', 'scheme'], ['at', 'position']]) {
    const values = of(key);
    if (values.length && !values.includes(state[id])) state[id] = values.includes(VIEW.labels.defaults[key]) ? VIEW.labels.defaults[key] : values[0];
    fillSelect($(id), values.map((v) => ({ value: v, text: words[v] || v })), state[id]);
  }
}

/** y in the units of the axis: ranks are drawn as rank + 1 on a log axis, all else as it is. */
function yOf(value, measure) {
  if (value === null) return null;
  return VIEW.labels.measures[measure] && VIEW.labels.measures[measure].range === 'rank' ? value + 1 : value;
}

function bandTrace(s, measure, axes, color) {
  const at = s.layer.map((l, i) => i).filter((i) => s.low[i] !== null && s.high[i] !== null);
  if (!at.length) return null;
  return {
    x: [...at.map((i) => xOf(s.axis, s.layer[i])), ...at.map((i) => xOf(s.axis, s.layer[i])).reverse()],
    y: [...at.map((i) => yOf(s.high[i], measure)), ...at.map((i) => yOf(s.low[i], measure)).reverse()],
    fill: 'toself', fillcolor: color, line: { width: 0 }, mode: 'lines', hoverinfo: 'skip', showlegend: false, ...axes,
  };
}

function lineTrace(s, measure, style, axes, name, isReference, legend) {
  const text = s.layer.map((l, i) => `${num(s.mean[i], 3)} ${band(s.low[i], s.high[i], 3)}`);
  const ink = colour(style.ink || (isReference ? 'strong-line' : 'a'));
  return {
    x: s.layer.map((l) => xOf(s.axis, l)), y: s.mean.map((v) => yOf(v, measure)), customdata: text, name: plotText(name), mode: 'lines+markers',
    line: { color: ink, width: isReference ? 1.3 : 2.4, dash: style.dash },
    marker: { symbol: style.symbol, size: isReference ? 4 : 7.5, color: ink, maxdisplayed: isReference ? 5 : 0,
      line: { width: 1, color: colour('card') } },
    hovertemplate: '%{customdata}', ...legend, ...axes,
  };
}

/** The onset that the verdict names, where these curves are the ones it was found on. */
function onsetOf(group) {
  if (group.family !== null) return null;
  const short = { 'probe.linear': 'probe', 'lens.logit': 'lens' }[state.inst];
  if (!short || (short === 'probe' && (state.target !== VIEW.labels.defaults.target || state.scheme !== VIEW.labels.defaults.scheme))) return null;
  const kind = VIEW.verdict.kinds.find((k) => k.kind === group.kind);
  const onset = kind && kind.onsets.find((o) => o.instrument === short);
  return onset && onset.layer !== null ? onset : null;
}

/** How the bands were made, or that there are none. */
function bandNote(used) {
  const banded = used.find((s) => s.low.some((v) => v !== null));
  return banded ? `Bands: ${banded.method}` : 'No interval was computed for these means.';
}

function curveFigure(groups) {
  const measure = state.measure;
  const meta = VIEW.labels.measures[measure];
  const instrument = VIEW.labels.instruments[state.inst];
  const panels = groups.length > 2 ? groups.map((g) => [g]) : [groups];
  const traces = [], shapes = [], annotations = [], used = [], aria = [];
  const layout = {};
  const seenReference = new Set();
  panels.forEach((panel, p) => {
    const suffix = p ? String(p + 1) : '';
    const axes = { xaxis: `x${suffix}`, yaxis: `y${suffix}` };
    const share = 1 / panels.length;
    const domain = [p * share + (p ? 0.02 : 0), (p + 1) * share - (p < panels.length - 1 ? 0.01 : 0)];
    panel.forEach((group) => {
      const style = KIND_STYLE[group.kind] || KIND_STYLE.control;
      const references = [...meta.references.map((r) => [state.inst, r, VIEW.labels.references[r]]),
        ...instrument.references.map((other) => [other, measure, VIEW.labels.instruments[other].label])];
      for (const [from, name, words] of references) {
        const s = findSeries(from, name, group);
        if (!s) continue;
        used.push(s);
        const dash = REFERENCE_DASH[name] || 'longdashdot';
        traces.push(lineTrace(s, measure, { dash, symbol: style.symbol }, axes, groups.length > 1 ? `${words} (${group.label})` : words, true,
          { legendgroup: words, showlegend: !seenReference.has(words), legendrank: 2000 }));
        if (!seenReference.has(words)) traces[traces.length - 1].name = plotText(words);
        seenReference.add(words);
      }
      const s = findSeries(state.inst, measure, group);
      if (!s) return;
      used.push(s);
      aria.push(s.aria);
      const shade = bandTrace(s, measure, axes, colour('a-soft'));
      if (shade) traces.push(shade);
      traces.push(lineTrace(s, measure, style, axes, `${visible(group.label)} · n ${s.n_items} items, ${s.n_clusters} clusters`, false, { legendrank: 1000 }));
      const onset = onsetOf(group);
      if (onset) {
        const x = xOf('stream', onset.layer);
        shapes.push({ type: 'line', xref: axes.xaxis, yref: `${axes.yaxis} domain`, x0: x, x1: x, y0: 0, y1: 1, line: { color: colour('a'), width: 1.2, dash: style.dash === 'solid' ? 'solid' : 'dash' } });
        annotations.push({ xref: axes.xaxis, yref: `${axes.yaxis} domain`, x, y: 1, yanchor: 'bottom', xanchor: 'center', yshift: panel.length > 1 ? 15 * panel.indexOf(group) : 0, showarrow: false, text: `onset, ${plotText(group.label)}: ${onset.layer}`, font: { size: 12, color: colour('a') } });
      }
      if (panels.length > 1) annotations.push({ xref: `${axes.xaxis} domain`, yref: `${axes.yaxis} domain`, x: 0, y: 1.09, xanchor: 'left', yanchor: 'bottom', showarrow: false, text: `<b>${plotText(group.label)}</b>`, font: { size: 13 } });
    });
    const title = panels.length === 1 || p === 0 ? xTitle('stream') : '';
    layout[`xaxis${suffix}`] = axisStyle(panels.length > 1 ? (state.axis === 'depth' ? 'depth' : 'stream') : title, { domain, dtick: state.axis === 'depth' ? 0.25 : undefined, nticks: panels.length > 1 ? 7 : 20, showspikes: true, spikemode: 'across', spikethickness: 1, spikedash: 'dot', spikecolor: colour('strong-line') });
    layout[`yaxis${suffix}`] = axisStyle(p ? '' : `${meta.label} (${meta.range === 'rank' ? 'log scale' : meta.unit})`, { matches: p ? 'y' : undefined, showticklabels: !p, anchor: axes.xaxis });
    if (Array.isArray(meta.range)) layout[`yaxis${suffix}`].range = [meta.range[0] - 0.03, meta.range[1] + 0.03];
    if (meta.range === 'rank') Object.assign(layout[`yaxis${suffix}`], { type: 'log', autorange: 'reversed', tickvals: RANK_TICKS.map((r) => r + 1), ticktext: RANK_TICKS.map((r) => (r < 1000 ? String(r) : `${r / 1000}k`)) });
    if (meta.line) {
      shapes.push({ type: 'line', xref: `${axes.xaxis} domain`, yref: axes.yaxis, x0: 0, x1: 1, y0: meta.line.value, y1: meta.line.value, line: { color: colour('strong-line'), width: 1.2, dash: 'dot' } });
      if (!p) annotations.push({ xref: `${axes.xaxis} domain`, yref: axes.yaxis, x: 0.005, y: meta.line.value, xanchor: 'left', yanchor: 'bottom', showarrow: false, text: plotText(meta.line.text), font: { size: 12, color: colour('muted') } });
    }
  });
  const table = () => ({
    head: ['instrument', 'measure', 'kind', 'family', 'target', 'folds', 'position', 'axis', 'layer', 'depth', 'mean', 'low', 'high', 'items', 'clusters', 'method'],
    rows: used.flatMap((s) => s.layer.map((l, i) => [s.instrument, s.measure, s.kind, s.family, s.target, s.scheme, s.position, s.axis, String(l), VIEW.axes[s.axis].depth[l], s.mean[i], s.low[i], s.high[i], String(s.n_items), String(s.n_clusters), s.method])),
  });
  return {
    traces, aria: aria.join('. '), table, title: `${instrument.label}: ${meta.label}`, empty: !aria.length,
    note: bandNote(used),
    layout: baseLayout({ ...layout, height: 430, margin: { l: 68, r: 16, t: panels.length > 1 ? 58 : 44, b: 104 }, shapes, annotations, hovermode: 'x unified', showlegend: true,
      legend: { orientation: 'h', x: 0, xanchor: 'left', y: -0.17, yanchor: 'top', font: { size: 12.5, color: colour('text') }, itemclick: 'toggle', bgcolor: 'rgba(0,0,0,0)' } }),
  };
}

async function renderCurves() {
  curveControls();
  const host = $('curves-panel');
  const instrument = VIEW.labels.instruments[state.inst];
  $('curves-caption').textContent = `${instrument.label} — ${instrument.says}. Each mark is a mean over items, the band its 95 % interval; thin grey lines are baselines, the mark on them tells the kind.`;
  if (!instrumentsPresent().includes(state.inst)) {
    drawState('curves', host, stateBox('not_run', `${instrument.label}: not run`, instrument.not_run));
    return;
  }
  if (isCausal(state.inst)) $('curves-caption').textContent = causalCaption();
  const figure = isCausal(state.inst) ? causalFigure(chosenGroups()) : curveFigure(chosenGroups());
  if (figure.empty) {
    const clear = h('button', { type: 'button', onclick: () => update({ kind: defaults.kind }) }, 'Show whole kinds');
    drawState('curves', host, stateBox('empty', 'No curve for this choice', isCausal(state.inst) ? 'No usable pair of this group has this site and position.' : `0 of ${VIEW.series.length} series match. A family's curves are kept for the default target and folds only.`, clear));
    return;
  }
  await draw('curves', host, figure);
}
