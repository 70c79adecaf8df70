// What would each stream say after each token? The map of one prompt: heatmap, crosshair, reading line, keys.

/** Which plane holds a metric's numbers, and what they are. */
const METRICS = {
  top1: { plane: 'top_nlp', kind: 'p' }, answer: { plane: 'answer_nlp', kind: 'p' }, rank: { plane: 'answer_rank', kind: 'rank' },
  entropy: { plane: 'entropy', kind: 'nats' }, kl: { plane: 'kl', kind: 'nats' },
};
const MAX_TICKS = 90;
const TEXT_CELLS = 2500;
const PART_WIDTH = 360;
const LENS_KEYS = [['PgUp PgDn', say('key_streams')], ['+ − 0', 'zoom the lens map']];
let lens = null; // the open map: {entry, planes, looked, told, reading, crossCell, window}

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
    return { index, ...vocabularyToken(index, entry), p: Math.exp(-planes.top_nlp[base + k] * planes.steps.top_nlp) };
  });
}

/** Where a column stands in its prompt. */
function placeOf(entry, t) { return entry.at ? entry.at[t] : t; }

function rankText(rank) { return rank >= 65535 ? '65,535 or more' : String(rank); }

/** First column of the default window: everything, or the tail of a long prompt. */
function defaultWindow(entry) {
  const shown = Math.min(entry.n_tokens, 64);
  return [entry.n_tokens - shown, entry.n_tokens - 1];
}

/** What is chosen; else the tail, and as far to the left as the column that is looked at. */
function clampWindow(open) {
  const { entry } = open;
  let [a, b] = defaultWindow(entry);
  const looked = lookedColumn(open);
  if (looked !== undefined) a = Math.min(a, looked);
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

/** The likeliest tokens with their probabilities, as many as a cell has room for. */
function asManyAsFit(top, letters) {
  const told = top.map((k) => `${visible(k.text)} ${prob(k.p)}`);
  let text = clip(told[0], letters);
  for (const more of told.slice(1)) if (text.length + more.length + 3 <= letters) text += ` · ${more}`; else break;
  return text;
}

/** Names above columns, raised where they would run into the one before. */
function staggered(names) {
  const ends = [];
  return names.map((name) => {
    const half = (name.text.length + 2) * 3.6;
    let level = ends.findIndex((end) => end <= name.middle - half);
    if (level < 0) level = ends.length;
    ends[level] = name.middle + half + 4;
    return { ...name, lift: 15 * level };
  });
}

/** The figure's frame, which Python made, with the numbers and tokens of what is looked at. */
function lensFigure(open, host) {
  const { entry, metric } = open;
  const frame = figureFor('lens', metric, host);
  const filled = fillLens(frame, open, Math.max(280, host.clientWidth - 26));
  const title = `${visible(entry.item)}: ${frame.title}`;
  const paper = () => { const bare = frame.paper(); return { ...bare, ...fillLens({ traces: bare.data, layout: bare.layout }, open, bare.width) }; };
  return { ...frame, ...filled, title, aria: entry.aria, table: () => lensTable(open), paper };
}

function fillLens(frame, open, width) {
  const { entry, metric } = open;
  const [from, to] = open.window;
  const { kind } = METRICS[metric];
  const { layout } = frame;
  const [heat, over] = frame.traces;
  const { l, r, t: top } = layout.margin;
  const tokens = Array.from({ length: to - from + 1 }, (_, i) => from + i);
  const streams = Array.from({ length: entry.n_streams }, (_, s) => s);
  // A few columns of a prompt stand at the left, wide enough for what else each stream might say.
  const inner = Math.min(width - l - r, entry.part ? tokens.length * PART_WIDTH : Infinity);
  const domain = inner / (width - l - r);
  const cell = inner / tokens.length;
  const z = streams.map((s) => tokens.map((t) => { const v = lensValue(metric, s, t, open); return kind === 'rank' ? Math.log10(v + 1) : v; }));
  const withText = tokens.length * streams.length <= TEXT_CELLS && cell >= 34;
  const rowHeight = withText ? (streams.length > 20 ? 18 : 22) : Math.max(5, Math.min(18, Math.floor(440 / streams.length)));
  const letters = Math.max(2, Math.floor((cell - 6) / 7.4));
  const { ticks, step } = labelled(from, to, inner, 16);
  const flat = cell >= 56;
  const labels = ticks.map((t) => plotText(clip(visible(entry.tokens[t]), flat ? Math.max(3, Math.floor(cell / 8)) : 14)));
  const bottom = flat ? 56 : Math.min(150, 40 + Math.max(...labels.map((text) => text.length), 1) * 7);
  const most = Math.max(1, ...z.flat());
  const zmax = kind === 'p' ? 1 : kind === 'rank' ? most : Math.ceil(most); // no rank is named that the vocabulary hasn't got
  Object.assign(heat, { x: tokens, y: streams, z, zmax });
  if (kind === 'rank') {
    const steps = Array.from({ length: Math.floor(zmax) + 1 }, (_, i) => i);
    Object.assign(heat.colorbar, { tickvals: steps, ticktext: steps.map((i) => (i === 0 ? '0' : String(10 ** i - 1))) });
  }
  const traces = [heat];
  if (withText) {
    const bright = (v) => (heat.reversescale ? zmax - v : v) / zmax > 0.5;
    const words = (s, t) => { const top = topOf(s, t, open); return entry.part ? asManyAsFit(top, letters) : clip(visible(top[0].text), letters); };
    const texts = (wanted) => streams.map((s, i) => tokens.map((t, k) => (bright(z[i][k]) === wanted ? plotText(words(s, t)) : '')));
    traces.push(Object.assign(over, { x: tokens, y: streams, z, text: texts(false) }));
    heat.text = texts(true);
  } else delete heat.texttemplate;
  const atToken = new Map();
  for (const [name, t] of Object.entries(entry.positions)) if (t >= from && t <= to) atToken.set(t, [...(atToken.get(t) || []), name]);
  const [mark] = layout.annotations;
  const named = staggered([...atToken].sort(([a], [b]) => a - b).map(([x, names]) => ({ x, text: names.join(', '), middle: (x - from + 0.5) * cell })));
  layout.annotations = named.map(({ x, text, lift }) => ({ ...mark, x, text: `${plotText(text)} ▾`, yshift: (mark.yshift || 0) + lift }));
  const lifted = Math.max(0, ...named.map(({ lift }) => lift));
  const where = entry.part ? say('lens_read_axis', { n: tokens.length }) : `token position${step > 1 ? `, 1 in ${step} labelled` : ''}${from > 0 || to < entry.n_tokens - 1 ? ` (${from}–${to} of 0–${entry.n_tokens - 1})` : ''}`;
  Object.assign(layout, { height: top + lifted + streams.length * rowHeight + bottom, margin: { ...layout.margin, t: top + lifted, b: bottom } });
  if (entry.part) Object.assign(heat.colorbar, { x: domain + 0.02 });
  Object.assign(layout.xaxis, { domain: [0, domain], title: { ...layout.xaxis.title, text: where }, tickvals: ticks, ticktext: labels, tickangle: flat ? 0 : -60, range: [from - 0.5, to + 0.5] });
  layout.shapes = open.looked ? outlined(open, [from, to]) : [];
  if (state.axis !== 'depth') layout.yaxis.dtick = Math.max(1, Math.ceil(streams.length / Math.max(4, Math.floor((streams.length * rowHeight) / 22))));
  return { traces, layout, data: traces };
}

/** The column at which the part of the model that is looked at acts; undefined where nothing is looked at, or the map doesn't name it. */
function lookedColumn({ entry, looked }) { return looked ? entry.positions[looked.at] : undefined; }

/** Around the streams that the first of the blocks reads and the last one writes, where they act. */
function outlined(open, [from, to]) {
  const [low, high] = open.looked.range;
  const column = lookedColumn(open);
  const [first, last] = column === undefined ? [from, to] : [column, column];
  return [['#ffffff', 5], ['#d55e00', 2.5]].map(([color, width]) => (
    { type: 'rect', layer: 'above', x0: first - 0.5, x1: last + 0.5, y0: low - 0.5, y1: high + 1.5, line: { color, width } }));
}

function lensTable(open) {
  const { entry } = open;
  const rows = [];
  const t = crossPosition(open);
  for (let s = entry.n_streams - 1; s >= 0; s--) {
    const top = topOf(s, t, open);
    rows.push([String(s), VIEW.axes.stream.depth[s], String(placeOf(entry, t)), visible(entry.tokens[t]), ...top.flatMap((k) => [visible(k.text), k.p]),
      entry.arrays.some((a) => a.name === 'answer_rank') ? rankText(lensValue('rank', s, t, open)) : '', lensValue('entropy', s, t, open)]);
  }
  const head = ['stream', 'depth', 'position', 'token', ...Array.from({ length: entry.top }, (_, k) => [`top-${k + 1}`, `p${k + 1}`]).flat(), 'rank of answer', 'entropy'];
  return { head, rows };
}

function crossPosition(open) {
  const { entry } = open;
  const looked = lookedColumn(open);
  const last = entry.positions.last === undefined ? entry.n_tokens - 1 : entry.positions.last;
  const fallback = looked === undefined ? last : looked;
  return Math.max(0, Math.min(entry.n_tokens - 1, state.pos === null ? fallback : state.pos));
}
function crossStream(open) { return Math.max(0, Math.min(open.entry.n_streams - 1, state.stream === null ? open.entry.n_streams - 1 : state.stream)); }

/** Puts the crosshair over its cell and writes the reading line; `preview` is a hovered cell. */
function showCross(open, preview) {
  const s = preview ? preview.s : crossStream(open);
  const t = preview ? preview.t : crossPosition(open);
  const full = open.gd._fullLayout;
  if (!full || !full.xaxis) return;
  const yAt = (v) => full.yaxis._offset + full.yaxis.d2p(v);
  const left = full.xaxis._offset + full.xaxis.d2p(t - 0.5), right = full.xaxis._offset + full.xaxis.d2p(t + 0.5);
  const top = yAt(s + 0.5), bottom = yAt(s - 0.5);
  const visibleHere = t >= open.window[0] && t <= open.window[1];
  Object.assign(open.crossCell.style, { left: `${left}px`, width: `${right - left}px`, top: `${top}px`, height: `${bottom - top}px`, display: visibleHere ? 'block' : 'none' });
  open.reading.replaceChildren(...readingOf(open, s, t));
}

function readingOf(open, s, t) {
  const { entry } = open;
  const top = topOf(s, t, open);
  const alike = (text) => top.filter((k) => visible(k.text) === visible(text)).length > 1;
  const names = Object.entries(entry.positions).filter(([, p]) => p === t).map(([n]) => n);
  const where = h('div', { class: 'where' }, `Stream ${s} (depth ${num(VIEW.axes.stream.depth[s])}${s < entry.n_streams - 1 ? `, enters block ${s}` : ', after the last block'}), position ${placeOf(entry, t)}${names.length ? ` (${names.join(', ')})` : ''}, after token `, tokenElement(entry.tokens[t]));
  const list = h('ol', {}, top.map((k, i) => h('li', {}, tokenElement(k.text), ' ', i === 0 ? h('b', {}, prob(k.p)) : prob(k.p), alike(k.text) ? ` (id ${k.id})` : '')));
  const parts = [];
  if (open.planes.answer_nlp) parts.push(`P(answer) ${prob(lensValue('answer', s, t, open))}`);
  if (open.planes.answer_rank) parts.push(`rank of the answer ${rankText(lensValue('rank', s, t, open))}`);
  parts.push(`entropy ${num(lensValue('entropy', s, t, open))} nats`);
  if (open.planes.kl) parts.push(say('kl', { nats: num(lensValue('kl', s, t, open)) }));
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

/** Draws the map of `entry` into #lens-panel. looked: {range, at, words} of the blocks that are outlined there and of the position where they act, or null. */
async function renderLens(entry, { looked = null, prompt = '' } = {}) {
  const host = $('lens-panel');
  const metrics = metricsOf(entry);
  const metric = metrics.includes(state.metric) ? state.metric : metrics[0];
  fillSelect($('metric'), metrics.map((m) => ({ value: m, text: titleOf('lens', m) })), metric);
  if (!lens || lens.entry !== entry) {
    let planes;
    try {
      if (!entry.embedded) drawState('lensmap', host, stateBox('empty', say('lens_loading'), `${entry.file}, ${Math.round(entry.bytes / 1024)} KiB`));
      planes = await lensPlanes(entry);
    } catch (error) {
      const retry = h('button', { type: 'button', onclick: () => renderLens(entry, { looked, prompt }) }, 'Try again');
      drawState('lensmap', host, stateBox('not_run', say('lens_not_loaded'), error.message, retry));
      lens = null;
      return;
    }
    lens = { entry, planes };
  }
  lens.metric = metric;
  lens.looked = looked;
  lens.window = clampWindow(lens);
  if (!plots.get('lensmap') || !lens.reading || !host.contains(lens.reading)) {
    const map = h('div', { class: 'lensbox', tabindex: 0, role: 'application', 'aria-label': say('lens_keys'), onkeydown: lensKeys });
    const lines = h('div', { id: 'lines-panel' });
    lens.reading = h('div', { class: 'reading', role: 'status', 'aria-live': 'polite' });
    lens.meta = h('p', { class: 'lensmeta' });
    lens.told = h('p', { class: 'lensmeta' });
    drawState('lensmap', host, h('div', {}, lens.meta, lens.told, map, lens.reading, h('h3', {}, say('tokens_here')), lines));
    lens.map = map;
    lens.lines = lines;
  }
  const answer = entry.answer ? ['answer ', tokenElement(entry.answer), entry.foil ? ', foil ' : '', ...(entry.foil ? [tokenElement(entry.foil)] : [])] : [];
  lens.meta.replaceChildren(h('b', {}, h('bdi', {}, visible(entry.item))), answer.length ? ' · ' : '', ...answer, entry.why ? ` · kept as: ${entry.why}` : '', entry.part ? ` · ${say('lens_read')}` : '');
  lens.told.replaceChildren(...(prompt ? [say('lens_prompt'), h('bdi', { class: 'token' }, visible(prompt))] : []), ...(looked ? [h('span', { class: 'looked' }, looked.words)] : []));
  const gd = await draw('lensmap', lens.map, { ...lensFigure(lens, host), attach: attachLens, ownKeys: true });
  lens.gd = gd;
  if (!lens.crossCell || !gd.contains(lens.crossCell)) {
    lens.crossCell = h('div', { class: 'cross cross-cell', 'aria-hidden': 'true' });
    gd.append(lens.crossCell);
  }
  showCross(lens);
  await renderLines(lens);
}

