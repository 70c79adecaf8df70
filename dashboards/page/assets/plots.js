// What do all plots share? One plotly configuration, export, print, and the table beside each.

const CONFIG = { displaylogo: false, showSendToCloud: false, plotlyServerURL: '', displayModeBar: false, responsive: false, doubleClick: false };
const plots = new Map();

/**
 * Draws into a named frame and keeps what print, export and "show as table" need.
 * spec: {traces, layout, aria, table: {head, rows}, file, note, attach(gd),
 * paper(): {data, layout, width}: what is drawn on paper instead,
 * choose(trace, {row, column}): what a click on a cell and Enter do, ownKeys: it has a cursor of its own}
 */
async function draw(name, host, spec) {
  let plot = plots.get(name);
  if (!plot || !host.contains(plot.box)) {
    const gd = h('div', { class: 'plot' });
    const keys = h('div', { class: 'plotkeys' }, gd);
    const says = h('p', { class: 'cellsays', role: 'status', 'aria-live': 'polite', hidden: true });
    const box = h('div', { role: 'group', class: 'plotbox' }, keys, says);
    const note = h('span', {});
    const toggle = h('button', { type: 'button', 'aria-expanded': 'false', onclick: () => toggleTable(name) }, 'Show as table');
    const tools = h('div', { class: 'plot-tools' }, note, toggle,
      ...['PNG', 'SVG'].map((kind) => h('button', { type: 'button', onclick: () => saveImage(name, kind.toLowerCase()) }, kind)),
      h('button', { type: 'button', onclick: () => saveTable(name) }, 'CSV'));
    const inner = h('div', { class: 'astable', tabindex: 0, role: 'region', 'aria-label': 'Numbers of this plot', hidden: true });
    host.replaceChildren(box, tools, inner);
    plot = { gd, box, keys, says, toggle, inner, note, attached: false };
    plots.set(name, plot);
  }
  plot.spec = spec;
  plot.box.setAttribute('aria-label', spec.aria);
  plot.note.textContent = spec.note || '';
  const width = Math.max(280, plot.box.clientWidth);
  await Plotly.react(plot.gd, spec.traces, { ...spec.layout, width }, CONFIG);
  if (!plot.attached) attachPlot(name, plot);
  plot.attached = true;
  const mapped = !spec.ownKeys && spec.traces.some((trace) => (trace.type === 'heatmap' || trace.type === 'bar') && (trace.text || trace.hovertext));
  const told = { tabindex: '0', role: 'application', 'aria-label': say(spec.choose ? 'map_keys_choose' : 'map_keys', { title: spec.title || name }) };
  for (const [attribute, value] of Object.entries(told)) if (mapped) plot.keys.setAttribute(attribute, value); else plot.keys.removeAttribute(attribute);
  fillTable(name);
  return plot.gd;
}

function attachPlot(name, plot) {
  const { spec, gd } = plot;
  if (spec.attach) spec.attach(gd);
  gd.on('plotly_click', (event) => {
    const point = event.points[0], { choose } = plots.get(name).spec;
    const [row, column] = [point.pointNumber].flat();
    if (choose) choose(point.data, { row, column: column === undefined ? row : column });
  });
  if (!spec.ownKeys) attachCursor(name, plot);
}

/** Puts a state in place of a plot; the next draw builds the frame anew, handlers included. */
function drawState(name, host, box) {
  const plot = plots.get(name);
  if (plot) Plotly.purge(plot.gd);
  plots.delete(name);
  host.replaceChildren(box);
}

function alive(plot) { return Boolean(plot && plot.gd._fullLayout && plot.gd.isConnected); }

function toggleTable(name) {
  const { inner, toggle } = plots.get(name);
  inner.hidden = !inner.hidden;
  toggle.setAttribute('aria-expanded', String(!inner.hidden));
  toggle.textContent = inner.hidden ? 'Show as table' : 'Hide table';
  fillTable(name);
}

function fillTable(name) {
  const plot = plots.get(name);
  if (!plot || plot.inner.hidden) return;
  const { head, rows } = plot.spec.table();
  plot.inner.replaceChildren(h('table', { class: 'plain' },
    h('thead', {}, h('tr', {}, head.map((t) => h('th', { scope: 'col' }, t)))),
    h('tbody', {}, rows.slice(0, 2000).map((r) => h('tr', {}, r.map((c) => h('td', {}, typeof c === 'number' ? num(c, 4) : (c ?? '–'))))))));
}

function download(name, blob) {
  const url = URL.createObjectURL(blob);
  const link = h('a', { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

/** CSV by RFC 4180; a leading =, +, - or @ of a text is quoted away from spreadsheet formulas. */
function csv(head, rows) {
  const cell = (v) => {
    if (v === null || v === undefined) return '';
    let text = String(v);
    if (typeof v === 'string' && /^[=+\-@\t\r]/.test(text)) text = `'${text}`;
    return /[",\n\r]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
  };
  return [head, ...rows].map((r) => r.map(cell).join(',')).join('\r\n') + '\r\n';
}

function fileStem(name) { return `strata-${(VIEW.run && VIEW.run.run_id) || 'lens'}-${name}`; }

function saveTable(name) {
  const { head, rows } = plots.get(name).spec.table();
  download(`${fileStem(name)}.csv`, new Blob([csv(head, rows)], { type: 'text/csv' }));
}

/** The plot as a file, with title, n and run id in the picture. */
async function imageOf(name, format) {
  const plot = plots.get(name);
  const layout = { ...plot.gd.layout };
  // Pages of `behave` and `sweep` name what they measured elsewhere.
  const model = VIEW.models && VIEW.models.length ? `${clip(VIEW.models[0].label, 60)} · ` : '';
  const run = VIEW.run ? `${model}run ${VIEW.run.run_id}` : '';
  const figure = {
    data: plot.gd.data,
    layout: {
      ...layout, width: Math.max(900, plot.gd.clientWidth), height: plot.gd.clientHeight + 46,
      margin: { ...layout.margin, t: (layout.margin.t || 20) + 46 },
      title: { text: plotText(`${plot.spec.title || name}  —  ${run}`), x: 0, xref: 'paper', font: { size: 14 }, y: 1, yref: 'container', yanchor: 'top', pad: { t: 12 } },
    },
  };
  return Plotly.toImage(figure, { format, scale: format === 'png' ? 2 : 1, width: figure.layout.width, height: figure.layout.height });
}

async function saveImage(name, format) {
  const url = await imageOf(name, format);
  const link = h('a', { href: url, download: `${fileStem(name)}.${format}` });
  document.body.append(link);
  link.click();
  link.remove();
}

// Print: plots keep the width of the screen, so they are drawn for the paper and put back.
let beforePrint = '';
window.addEventListener('beforeprint', () => {
  beforePrint = document.documentElement.dataset.theme;
  document.documentElement.dataset.theme = 'light';
  for (const plot of plots.values()) {
    if (!alive(plot)) continue;
    const paper = plot.spec.paper();
    Plotly.react(plot.gd, paper.data, { ...paper.layout, width: paper.width }, CONFIG);
  }
});
window.addEventListener('afterprint', () => {
  document.documentElement.dataset.theme = beforePrint;
  tell(new Set(['theme']));
});
let resizeTimer = 0;
let lastWidth = window.innerWidth;
window.addEventListener('resize', () => {
  if (window.innerWidth === lastWidth) return;
  lastWidth = window.innerWidth;
  clearTimeout(resizeTimer);
  resizeTimer = setTimeout(() => tell(new Set(['width'])), 160);
});
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { applyTheme(); tell(new Set(['theme'])); });
