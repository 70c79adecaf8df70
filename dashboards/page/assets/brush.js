// Which blocks does the reader look at, and which items have the largest effect there? A range is dragged over a figure or typed.

/** parts: [{cell, label, counts_from}] of the parts of the model of which items have effects. */
function declareBrush() {
  const { cells } = VIEW.effects;
  const blocks = VIEW.axes.n_layers - 1;
  declare('lo', null, within(0, blocks));
  declare('hi', null, within(0, blocks));
  declare('cell', cells.length ? cells[cells.length - 1].cell : '', oneOf(...cells.map((c) => c.cell)));
}

/** First and last block, or null where no range is chosen. */
function brushed() {
  if ((state.lo === null && state.hi === null) || !VIEW.effects.cells.length) return null;
  const low = state.lo === null ? 0 : state.lo, high = state.hi === null ? VIEW.axes.n_layers - 1 : state.hi;
  return low <= high ? [low, high] : [high, low];
}

function partLooked() { return VIEW.effects.cells.findIndex((c) => c.cell === state.cell); }

/** What is looked at, in words: the part of the model and its blocks. */
function brushWords() {
  const [low, high] = brushed();
  return `${VIEW.effects.cells[partLooked()].label}, ${low === high ? `block ${low}` : `blocks ${low}–${high}`}`;
}

/** What an item gains there: the sum of its gains at the blocks that count; null where it was in no pair. gained: by part, then by item. */
function effectThere(gained, item) {
  const [low, high] = brushed();
  const part = partLooked();
  const gains = gained[part] && gained[part][item];
  const from = Math.max(low, VIEW.effects.cells[part].counts_from);
  if (!gains || from > high) return null;
  return gains.slice(from, high + 1).reduce((sum, gain) => sum + gain, 0) * VIEW.effects.step;
}

/** Axes of a figure along which layers stand, with what they count. */
function layerAxes(layout) {
  const counts = (layout.meta && layout.meta.counts) || {};
  return Object.keys(layout).filter((name) => /^xaxis\d*$/.test(name)).map((name) => {
    const place = name.slice(5);
    return { x: `x${place}`, y: layout[name].anchor || `y${place}`, streams: counts[name] === 'stream' };
  });
}

/** The figure with the range drawn on it, and ready to be dragged over. Block b reads stream b and writes stream b + 1. */
function brushable(name, figure) {
  if (!VIEW.effects.cells.length) return figure;
  const ink = getComputedStyle(document.documentElement).getPropertyValue('--a').trim();
  const range = brushed();
  const shapes = range === null ? [] : layerAxes(figure.layout).map(({ x, y, streams }) => ({
    type: 'rect', xref: x, yref: `${y} domain`, x0: range[0] - (streams ? 0 : 0.5), x1: range[1] + (streams ? 1 : 0.5), y0: 0, y1: 1, layer: 'above',
    fillcolor: ink, opacity: 0.16, line: { width: 2, color: ink },
  }));
  // A finger that goes over a figure scrolls the page.
  const drag = matchMedia('(pointer: coarse)').matches ? {} : { dragmode: 'select', selectdirection: figure.traces.some((trace) => trace.meta && trace.meta.of) ? 'd' : 'h', selections: [] };
  const layout = { ...figure.layout, ...drag, shapes: [...(figure.layout.shapes || []), ...shapes] };
  const attach = (gd) => gd.on('plotly_selected', (event) => {
    if (!event || !event.range) return;
    brush(plots.get(name).spec, event);
    Plotly.relayout(gd, { selections: [] }); // the range that was taken is drawn on every panel instead
  });
  return { ...figure, layout, attach };
}

/** From the ends that were dragged to whole blocks; a range inside one block is that block. */
function blocksBetween(ends, streams) {
  const last = VIEW.axes.n_layers - 1;
  const clamp = (v) => Math.max(0, Math.min(last, v));
  const [from, to] = [Math.min(...ends), Math.max(...ends)];
  const low = Math.ceil(from), high = streams ? Math.floor(to) - 1 : Math.floor(to);
  const one = clamp(streams ? Math.floor((from + to) / 2) : Math.round((from + to) / 2));
  return low <= high ? [clamp(low), clamp(high)] : [one, one];
}

function brush({ traces, layout }, event) {
  const x = Object.keys(event.range).find((key) => key.startsWith('x'));
  const axis = x && layerAxes(layout).find((one) => one.x === x);
  if (!axis) return;
  const [lo, hi] = blocksBetween(event.range[x], axis.streams);
  const panel = traces.find((trace) => trace.meta && trace.meta.of && (trace.xaxis || 'x') === x);
  update({ lo, hi, ...(panel ? { ...panelItems(panel.meta.of), ...cellUnder(panel, event.range[x.replace('x', 'y')]) } : {}) });
}

function offersCell(cell) { return VIEW.effects.cells.some((c) => c.cell === cell); }

/** The row of a stage map over which the drag went furthest. */
function cellUnder(panel, ends) {
  const top = Math.min(...ends), bottom = Math.max(...ends);
  const rows = panel.meta.cells.map((cell, i) => ({ cell, share: Math.min(bottom, panel.y[i + 1]) - Math.max(top, panel.y[i]) }));
  const best = rows.filter(({ cell }) => offersCell(cell)).reduce((a, b) => (b.share > a.share ? b : a), { share: 0 });
  return best.cell ? { cell: best.cell } : {};
}

/** A click on a cell of a stage map: that block of that part of the model, and the items of that panel. */
function chooseCell(trace, { row, column }) {
  const { cells, of } = trace.meta || {};
  if (!of || !cells[row]) return;
  update({ lo: column, hi: column, ...(offersCell(cells[row]) ? { cell: cells[row] } : {}), ...panelItems(of) });
}

/** Two number fields and a list beside the item table. */
function attachRange() {
  for (const id of ['lo', 'hi']) {
    $(id).max = VIEW.axes.n_layers - 1;
    $(id).addEventListener('change', (e) => update({ [id]: checks[id](e.target.value) ?? null }));
  }
  $('cell').addEventListener('change', (e) => update({ cell: e.target.value }));
  attachSearch();
}

function attachSearch() {
  let timer = 0;
  $('q').addEventListener('input', () => { clearTimeout(timer); timer = setTimeout(() => update({ q: $('q').value.slice(0, 200) }), 200); });
}

function fillRange() {
  const { cells } = VIEW.effects;
  fillSelect($('cell'), cells.map((c) => ({ value: c.cell, text: c.label })), state.cell);
  for (const id of ['lo', 'hi']) $(id).value = state[id] === null ? '' : String(state[id]);
  $('range').hidden = !cells.length;
  if (document.activeElement !== $('q')) $('q').value = state.q;
}

/** What is filtered by, each with a button that takes it away. filters: [words, changes]. */
function filterChips(filters) {
  return filters.map(([words, changes]) => h('button', { type: 'button', class: 'filter', onclick: () => update(changes) },
    h('bdi', {}, words), h('span', { 'aria-hidden': 'true' }, ' ✕'), h('span', { class: 'sr' }, ': take this filter away')));
}

/** Whether a text that is searched for stands in any of an item's texts; letters of either case. */
function matchesSearch(...texts) {
  const wanted = state.q.trim().toLowerCase();
  return wanted === '' || texts.some((text) => text !== null && text !== undefined && text.toLowerCase().includes(wanted));
}
