// What would each stream say after each token? The map of one prompt: heatmap, crosshair, reading line, keys.

const METRICS = {
  top1: { label: 'P(top-1)', unit: 'probability of the most probable token', plane: 'top_nlp', kind: 'p' },
  answer: { label: 'P(answer)', unit: 'probability of the answer', plane: 'answer_nlp', kind: 'p' },
  rank: { label: 'Rank of the answer', unit: 'rank, log scale', plane: 'answer_rank', kind: 'rank' },
  entropy: { label: 'Entropy', unit: 'nats', plane: 'entropy', kind: 'nats' },
  kl: { label: 'KL to the final stream', unit: 'nats', plane: 'kl', kind: 'nats' },
};
const MAX_TICKS = 90;
const TEXT_CELLS = 2500;
let lens = null; // the open map: {entry, planes, box, reading, crossCell, window}

function lensValue(metric, s, t, open = lens) {
  const { entry, planes } = open;
  const meta = METRICS[metric];
  const plane = planes[meta.plane];
  const at = s * entry.n_tokens + t;
  const raw = metric === 'top1' ? plane[at * entry.top] : plane[at];
  const value = raw * planes.steps[meta.plane];
  if (meta.kind === 'p') return Math.exp(-value);
  return value;
}

function topOf(s, t, open = lens) {
  const { entry, planes } = open;
  const base = (s * entry.n_tokens + t) * entry.top;
  return Array.from({ length: entry.top }, (_, k) => {
    const index = planes.top_ids[base + k];
    return { index, text: vocabularyText(index), id: vocabularyId(index), p: Math.exp(-planes.top_nlp[base + k] * planes.steps.top_nlp) };
  });
}

function rankText(rank) { return rank >= 65535 ? '65,535 or more' : String(rank); }

/** First column of the default window: everything, or the tail of a long prompt. */
function defaultWindow(entry) {
  const shown = Math.min(entry.n_tokens, 64);
  return [entry.n_tokens - shown, entry.n_tokens - 1];
}

function clampWindow(entry) {
  let [a, b] = defaultWindow(entry);
  if (state.x0 !== null) a = state.x0;
  if (state.x1 !== null) b = state.x1;
  a = Math.max(0, Math.min(a, entry.n_tokens - 1));
  b = Math.max(a, Math.min(b, entry.n_tokens - 1));
  return [a, b];
}

/** Columns that get a label: a stride that counts back from the last column, so that it is always among them. */
function labelled(from, to, width, least) {
  const count = to - from + 1;
  const most = Math.max(1, Math.min(MAX_TICKS, Math.floor(width / least)));
  const step = Math.max(1, Math.ceil(count / most));
  const out = [];
  for (let t = to; t >= from; t -= step) out.unshift(t);
  return { ticks: out, step };
}

function metricsOf(entry) { return Object.keys(METRICS).filter((m) => entry.arrays.some((a) => a.name === METRICS[m].plane)); }

function lensFigure(open, width) {
  const { entry } = open;
  const [from, to] = open.window;
  const metric = open.metric;
  const meta = METRICS[metric];
  const tokens = Array.from({ length: to - from + 1 }, (_, i) => from + i);
  const streams = Array.from({ length: entry.n_streams }, (_, s) => s);
  const y = streams.map((s) => (state.axis === 'depth' ? VIEW.axes.stream.depth[s] : s));
  const inner = width - 74 - 96;
  const cell = inner / tokens.length;
  const z = streams.map((s) => tokens.map((t) => { const v = lensValue(metric, s, t, open); return meta.kind === 'rank' ? Math.log10(v + 1) : v; }));
  const withText = tokens.length * streams.length <= TEXT_CELLS && cell >= 34;
  const rowHeight = withText ? (streams.length > 20 ? 18 : 22) : Math.max(5, Math.min(18, Math.floor(440 / streams.length)));
  const letters = Math.max(2, Math.floor((cell - 6) / 7.4));
  const { ticks, step } = labelled(from, to, inner, 16);
  const flat = cell >= 56;
  const labels = ticks.map((t) => plotText(clip(visible(entry.tokens[t]), flat ? Math.max(3, Math.floor(cell / 8)) : 14)));
  const longest = Math.max(...labels.map((l) => l.length), 1);
  const bottom = flat ? 56 : Math.min(150, 40 + longest * 7);
  const scales = { p: [0, 1], rank: [0, Math.max(1, Math.ceil(Math.max(...z.flat())))], nats: [0, Math.max(1, Math.ceil(Math.max(...z.flat())))] };
  const [zmin, zmax] = scales[meta.kind];
  const reverse = meta.kind !== 'p'; // bright is always what is closer to the answer
  const rankTicks = Array.from({ length: zmax + 1 }, (_, i) => i);
  const bar = { thickness: 12, outlinewidth: 0, len: 1, tickfont: { size: 12, color: colour('muted') }, title: { text: meta.unit, side: 'right', font: { size: 12, color: colour('muted') } } };
  if (meta.kind === 'rank') Object.assign(bar, { tickvals: rankTicks, ticktext: rankTicks.map((i) => (i === 0 ? '0' : String(10 ** i - 1))) });
  const trace = {
    type: 'heatmap', x: tokens, y, z, zmin, zmax, colorscale: CIVIDIS, reversescale: reverse, colorbar: bar, hoverinfo: 'none',
    xgap: withText && theme() === 'light' ? 1 : 0, ygap: withText && theme() === 'light' ? 1 : 0,
  };
  const traces = [trace];
  if (withText) {
    // Black on the bright half of the scale, white on the dark half: plotly's own choice falls under 4.5 : 1.
    const bright = (v) => (reverse ? zmax - v : v - zmin) / (zmax - zmin) > 0.5;
    const texts = (wanted) => streams.map((s, i) => tokens.map((t, k) => (bright(z[i][k]) === wanted ? plotText(clip(visible(topOf(s, t, open)[0].text), letters)) : '')));
    const font = (color) => ({ texttemplate: '%{text}', textfont: { size: 12, family: MONO, color } });
    Object.assign(trace, { text: texts(true) }, font('#000000'));
    traces.push({ type: 'heatmap', x: tokens, y, z, colorscale: [[0, 'rgba(0,0,0,0)'], [1, 'rgba(0,0,0,0)']], showscale: false, hoverinfo: 'skip', text: texts(false), ...font('#ffffff') });
  }
  const named = Object.entries(entry.positions).filter(([, t]) => t >= from && t <= to);
  const annotations = [];
  const atToken = new Map();
  for (const [name, t] of named) atToken.set(t, [...(atToken.get(t) || []), name]);
  for (const [t, names] of atToken) annotations.push({ x: t, y: 1, yref: 'paper', yanchor: 'bottom', showarrow: false, text: `${plotText(names.join(', '))} ▾`, font: { size: 12, color: colour('a') } });
  const yStep = Math.max(1, Math.ceil(streams.length / Math.max(4, Math.floor((streams.length * rowHeight) / 22))));
  const yTicks = [];
  for (let s = streams.length - 1; s >= 0; s -= yStep) yTicks.unshift(s);
  const half = y.length > 1 ? (y[1] - y[0]) / 2 : 0.5;
  const where = `token position${step > 1 ? `, every ${step}th labelled` : ''}${from > 0 || to < entry.n_tokens - 1 ? ` (${from}–${to} of 0–${entry.n_tokens - 1})` : ''}`;
  return {
    traces, labels, ticks, step,
    layout: baseLayout({
      height: 34 + streams.length * rowHeight + bottom, margin: { l: 74, r: 96, t: 34, b: bottom }, annotations, hovermode: 'closest', dragmode: false,
      xaxis: axisStyle(where, { tickvals: ticks, ticktext: labels, tickangle: flat ? 0 : -60, showgrid: false, range: [from - 0.5, to + 0.5], fixedrange: true, tickfont: { size: 12, family: MONO, color: colour('text') }, ticklen: 3, tickcolor: colour('line') }),
      yaxis: axisStyle(state.axis === 'depth' ? 'depth' : 'stream', { tickvals: yTicks.map((s) => y[s]), ticktext: yTicks.map((s) => (state.axis === 'depth' ? num(y[s]) : String(s))), showgrid: false, range: [y[0] - half, y[y.length - 1] + half], fixedrange: true }),
    }),
  };
}

function lensTable(open) {
  const { entry } = open;
  const rows = [];
  const t = crossPosition(open);
  for (let s = entry.n_streams - 1; s >= 0; s--) {
    const top = topOf(s, t, open);
    rows.push([String(s), VIEW.axes.stream.depth[s], String(t), visible(entry.tokens[t]), ...top.flatMap((k) => [visible(k.text), k.p]),
      entry.arrays.some((a) => a.name === 'answer_rank') ? rankText(lensValue('rank', s, t, open)) : '', lensValue('entropy', s, t, open)]);
  }
  const head = ['stream', 'depth', 'position', 'token', ...Array.from({ length: entry.top }, (_, k) => [`top-${k + 1}`, `p${k + 1}`]).flat(), 'rank of answer', 'entropy'];
  return { head, rows };
}

function crossPosition(open) {
  const { entry } = open;
  const fallback = entry.positions.last === undefined ? entry.n_tokens - 1 : entry.positions.last;
  return Math.max(0, Math.min(entry.n_tokens - 1, state.pos === null ? fallback : state.pos));
}
function crossStream(open) { return Math.max(0, Math.min(open.entry.n_streams - 1, state.stream === null ? open.entry.n_streams - 1 : state.stream)); }

/** Puts the crosshair over its cell and writes the reading line; `preview` is a hovered cell. */
function showCross(open, preview) {
  const s = preview ? preview.s : crossStream(open);
  const t = preview ? preview.t : crossPosition(open);
  const full = open.gd._fullLayout;
  if (!full || !full.xaxis) return;
  const y = state.axis === 'depth' ? VIEW.axes.stream.depth : null;
  const yAt = (v) => full.yaxis._offset + full.yaxis.d2p(v);
  const centre = y ? y[s] : s;
  const half = y ? (y.length > 1 ? (y[1] - y[0]) / 2 : 0.5) : 0.5;
  const left = full.xaxis._offset + full.xaxis.d2p(t - 0.5), right = full.xaxis._offset + full.xaxis.d2p(t + 0.5);
  const top = yAt(centre + half), bottom = yAt(centre - half);
  const visibleHere = t >= open.window[0] && t <= open.window[1];
  Object.assign(open.crossCell.style, { left: `${left}px`, width: `${right - left}px`, top: `${top}px`, height: `${bottom - top}px`, display: visibleHere ? 'block' : 'none' });
  open.reading.replaceChildren(...readingOf(open, s, t));
}

function readingOf(open, s, t) {
  const { entry } = open;
  const top = topOf(s, t, open);
  const alike = (text) => top.filter((k) => visible(k.text) === visible(text)).length > 1;
  const names = Object.entries(entry.positions).filter(([, p]) => p === t).map(([n]) => n);
  const where = h('div', { class: 'where' }, `Stream ${s} (depth ${num(VIEW.axes.stream.depth[s])}${s < entry.n_streams - 1 ? `, enters block ${s}` : ', after the last block'}), position ${t}${names.length ? ` (${names.join(', ')})` : ''}, after token `, tokenElement(entry.tokens[t]));
  const list = h('ol', {}, top.map((k, i) => h('li', {}, tokenElement(k.text), ' ', i === 0 ? h('b', {}, prob(k.p)) : prob(k.p), alike(k.text) ? ` (id ${k.id})` : '')));
  const parts = [];
  if (open.planes.answer_nlp) parts.push(`P(answer) ${prob(lensValue('answer', s, t, open))}`);
  if (open.planes.answer_rank) parts.push(`rank of the answer ${rankText(lensValue('rank', s, t, open))}`);
  parts.push(`entropy ${num(lensValue('entropy', s, t, open))} nats`);
  if (open.planes.kl) parts.push(`KL to the final stream ${num(lensValue('kl', s, t, open))} nats`);
  return [where, list, h('div', { class: 'numbers' }, `${parts.join(' · ')}.`)];
}

function moveCross(ds, dt, absolute) {
  const t = absolute ? absolute.t : crossPosition(lens) + dt;
  const s = absolute ? absolute.s : crossStream(lens) + ds;
  const { entry } = lens;
  const pos = Math.max(0, Math.min(entry.n_tokens - 1, t));
  const stream = Math.max(0, Math.min(entry.n_streams - 1, s));
  const [a, b] = lens.window;
  const changes = { pos, stream };
  if (pos < a || pos > b) {
    const shift = pos < a ? pos - a : pos - b;
    Object.assign(changes, { x0: a + shift, x1: b + shift });
  }
  update(changes);
}

function lensKeys(event) {
  if (!lens || event.ctrlKey || event.metaKey || event.altKey) return;
  const n = lens.entry.n_tokens - 1, t = crossPosition(lens), s = crossStream(lens);
  const moves = {
    ArrowLeft: () => moveCross(0, -1), ArrowRight: () => moveCross(0, 1), ArrowUp: () => moveCross(1, 0), ArrowDown: () => moveCross(-1, 0),
    Home: () => moveCross(0, 0, { s, t: 0 }), End: () => moveCross(0, 0, { s, t: n }), PageUp: () => moveCross(10, 0), PageDown: () => moveCross(-10, 0),
    '+': () => zoomLens(0.5), '=': () => zoomLens(0.5), '-': () => zoomLens(2), 0: () => update({ x0: 0, x1: n }),
  };
  if (moves[event.key]) { event.preventDefault(); moves[event.key](); }
}

function zoomLens(factor) {
  if (!lens) return;
  const [a, b] = lens.window;
  const n = lens.entry.n_tokens;
  const size = Math.max(Math.min(4, n), Math.min(n, Math.round((b - a + 1) * factor)));
  const centre = Math.max(a, Math.min(b, crossPosition(lens)));
  const x0 = Math.max(0, Math.min(n - size, Math.round(centre - ((centre - a) / Math.max(1, b - a)) * (size - 1))));
  update({ x0, x1: x0 + size - 1 });
}

function attachLens(gd) {
  const cellOf = (point) => ({ t: point.x, s: point.pointNumber[0] });
  gd.on('plotly_hover', (event) => { if (lens) showCross(lens, cellOf(event.points[0])); });
  gd.on('plotly_unhover', () => { if (lens) showCross(lens); });
  gd.on('plotly_click', (event) => { const c = cellOf(event.points[0]); update({ pos: c.t, stream: c.s }); });
}

/** Draws the map of `entry` into #lens-panel. */
async function renderLens(entry) {
  const host = $('lens-panel');
  const metrics = metricsOf(entry);
  const metric = metrics.includes(state.metric) ? state.metric : metrics[0];
  fillSelect($('metric'), metrics.map((m) => ({ value: m, text: METRICS[m].label })), metric);
  if (!lens || lens.entry !== entry) {
    let planes;
    try {
      if (!entry.embedded) drawState('lensmap', host, stateBox('empty', 'Loading the lens map', `${entry.file}, ${Math.round(entry.bytes / 1024)} KiB`));
      planes = await lensPlanes(entry);
    } catch (error) {
      const retry = h('button', { type: 'button', onclick: () => renderLens(entry) }, 'Try again');
      drawState('lensmap', host, stateBox('not_run', 'The lens map could not be loaded', error.message, retry));
      lens = null;
      return;
    }
    lens = { entry, planes };
  }
  lens.metric = metric;
  lens.window = clampWindow(entry);
  if (!plots.get('lensmap') || !lens.reading || !host.contains(lens.reading)) {
    const map = h('div', { class: 'lensbox', tabindex: 0, role: 'application', 'aria-label': 'Lens map. Arrow keys move between tokens and streams, Home and End go to the first and last token, Page Up and Page Down move ten streams, plus, minus and 0 zoom.', onkeydown: lensKeys });
    const lines = h('div', { id: 'lines-panel' });
    lens.reading = h('div', { class: 'reading', role: 'status', 'aria-live': 'polite' });
    lens.meta = h('p', { class: 'lensmeta' });
    drawState('lensmap', host, h('div', {}, lens.meta, map, lens.reading, h('h3', {}, 'Tokens at this position, stream by stream'), lines));
    lens.map = map;
    lens.lines = lines;
  }
  const answer = entry.answer ? ['answer ', tokenElement(entry.answer), entry.foil ? ', foil ' : '', ...(entry.foil ? [tokenElement(entry.foil)] : [])] : [];
  lens.meta.replaceChildren(h('b', {}, h('bdi', {}, visible(entry.item))), answer.length ? ' · ' : '', ...answer, entry.why ? ` · kept as: ${entry.why}` : '');
  const figure = lensFigure(lens, Math.max(280, host.clientWidth - 26));
  const gd = await draw('lensmap', lens.map, { ...figure, aria: entry.aria, table: () => lensTable(lens), title: `${visible(entry.item)}: ${METRICS[metric].label}`, note: 'Brighter is surer or closer to the answer; the text is the most probable token. Table and CSV: the crosshair’s position.', attach: attachLens });
  lens.gd = gd;
  if (!lens.crossCell || !gd.contains(lens.crossCell)) {
    lens.crossCell = h('div', { class: 'cross cross-cell', 'aria-hidden': 'true' });
    gd.append(lens.crossCell);
  }
  showCross(lens);
  await renderLines(lens);
}

