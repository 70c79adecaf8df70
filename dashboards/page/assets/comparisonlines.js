// How do several models' curves stand side by side? Small panels with one legend: a column each kind or direction, a row each question.

const ROLE_STYLE = {
  base: { ink: 'a', soft: 'a-soft', dash: 'solid', symbol: 'circle' },
  distilled: { ink: 'b', soft: 'b-soft', dash: 'solid', symbol: 'square' },
  control: { ink: 'control', soft: 'control-soft', dash: 'dash', symbol: 'diamond' },
  random: { ink: 'strong-line', soft: 'random-soft', dash: 'dot', symbol: 'triangle-up-open' },
  beyond: { ink: 'beyond', soft: 'beyond-soft', dash: 'dashdot', symbol: 'triangle-up' },
};

function xTitle(axis) {
  const count = VIEW.axes.n_layers;
  if (state.axis === 'depth') return `depth (0 = embedding, 1 = after the last of ${count} blocks)`;
  return axis === 'stream' ? `stream (s enters block s; ${count} = after the last block)` : 'block';
}

function bandTrace(s, measure, axes, color) {
  const at = s.layer.map((l, i) => i).filter((i) => s.low[i] !== null && s.high[i] !== null);
  if (!at.length) return null;
  return {
    x: [...at.map((i) => xOf(s.axis, s.layer[i])), ...at.map((i) => xOf(s.axis, s.layer[i])).reverse()],
    y: [...at.map((i) => s.high[i]), ...at.map((i) => s.low[i]).reverse()],
    fill: 'toself', fillcolor: color, line: { width: 0 }, mode: 'lines', hoverinfo: 'skip', showlegend: false, ...axes,
  };
}

function lineTrace(s, measure, style, axes, name, isReference, legend) {
  const text = s.layer.map((l, i) => `${num(s.mean[i], 3)} ${band(s.low[i], s.high[i], 3)}`);
  const ink = colour(style.ink || (isReference ? 'strong-line' : 'a'));
  return {
    x: s.layer.map((l) => xOf(s.axis, l)), y: s.mean.map((v) => v), customdata: text, name: plotText(name), mode: 'lines+markers',
    line: { color: ink, width: isReference ? 1.3 : 2.4, dash: style.dash },
    marker: { symbol: style.symbol, size: isReference ? 4 : 7.5, color: ink, maxdisplayed: isReference ? 5 : 0,
      line: { width: 1, color: colour('card') } },
    hovertemplate: '%{customdata}', ...legend, ...axes,
  };
}

/** Sorted kinds of some lines: knowledge and reasoning where they are there, else the first two. */
function kindColumns(lines) {
  const present = VIEW.labels.kinds.filter((k) => lines.some((l) => l.kind === k));
  const main = present.filter((k) => k === 'knowledge' || k === 'reasoning');
  return main.length ? main : present.slice(0, 2);
}

/** n of the lines of a panel; where they differ, which lines have which. */
function support(entries) {
  const groups = new Map();
  for (const { line, name } of entries) {
    const told = `${line.n_items} items, ${line.n_clusters} clusters`;
    groups.set(told, [...(groups.get(told) || []), name]);
  }
  const parts = [...groups].map(([told, names]) => `n ${told}${groups.size > 1 ? ` (${unique(names).join(', ')})` : ''}`);
  return parts.join('; ');
}

/** Which dimensions are dominant at a point of a line, where it knows. */
function carriedBy(line, i) {
  return line.dominant && line.dominant[i] ? ` · dimension ${line.dominant[i]}: ${Math.round(100 * line.shares[i])} %` : '';
}

/** A few words broken into lines that fit a panel. */
function wrapped(text, letters) {
  const out = [''];
  for (const word of text.split(' ')) {
    if ((out[out.length - 1] + word).length > letters) out.push('');
    out[out.length - 1] += `${word} `;
  }
  return out.map((t) => plotText(t.trim())).join('<br>');
}

/** Columns and rows without any line get no axes; what the columns would have told stands beneath the plot. */
function withLines(spec) {
  const there = (row, column) => spec.cell(row, column).lines.length > 0;
  const columns = spec.columns.filter((c) => spec.rows.some((r) => there(r, c)));
  const rows = spec.rows.filter((r) => columns.some((c) => there(r, c)));
  const dropped = spec.columns.filter((c) => !columns.includes(c))
    .map((c) => ({ column: c.id, text: `${c.title}: ${unique(spec.rows.map((r) => spec.cell(r, c).reason || 'not run')).join('; ').replace(/[.]$/, '')}` }));
  return { spec: { ...spec, columns, rows }, dropped };
}

/** On a narrow page columns stand under each other. */
function stacked(spec) {
  const rows = spec.columns.flatMap((column) => spec.rows.map((row) => (
    { ...row, row, column, title: [row.title, column.title].filter(Boolean).join(' · '), guides: row.guides && (() => row.guides(column)) })));
  return { ...spec, columns: [{ id: '', title: '' }], rows, cell: (one) => spec.cell(one.row, one.column) };
}

/**
 * spec: {columns: [{id, title}], rows: [{id, title, y, guides(column)}], cell(row, column) → {lines: [{line, style, name}], reason}, axis, rowHeight, aria, name}
 * A line holds axis, layer, mean, low, high, n, n_items, n_clusters, method; a guide {value, text, ink}.
 */
function panelFigure(whole) {
  const { spec: shown, dropped } = withLines(whole);
  const spec = plotWidth(whole.name) < 480 ? stacked(shown) : shown;
  const { columns, rows } = spec;
  const traces = [], shapes = [], annotations = [], used = [], layout = {};
  const named = new Set();
  const wide = plotWidth(spec.name) / columns.length;
  const several = rows.some((r) => columns.some((c) => support(spec.cell(r, c).lines).includes('; n ')));
  // Where the lines of a panel have different n, its head takes lines of its own.
  const under = wide < 430 || several;
  const top = under ? 68 : 36, bottom = 96, gap = under ? 98 : 62;
  const inner = rows.length * spec.rowHeight + (rows.length - 1) * gap;
  const height = inner + top + bottom;
  rows.forEach((row, r) => {
    const from = 1 - (r * (spec.rowHeight + gap) + spec.rowHeight) / inner;
    columns.forEach((column, c) => {
      const n = r * columns.length + c + 1;
      const suffix = n > 1 ? String(n) : '';
      const axes = { xaxis: `x${suffix}`, yaxis: `y${suffix}` };
      const { lines, reason } = spec.cell(row, column);
      const place = { xref: `${axes.xaxis} domain`, yref: `${axes.yaxis} domain`, showarrow: false };
      const left = c / columns.length + (c ? 0.025 : 0), right = (c + 1) / columns.length - (c < columns.length - 1 ? 0.015 : 0);
      for (const { line, style, name } of lines) {
        used.push({ line, name, row, column });
        const shade = style.soft ? bandTrace(line, '', axes, colour(style.soft)) : null;
        if (shade) traces.push(shade);
        const trace = lineTrace(line, '', style, axes, name, false, { legendgroup: name, showlegend: !named.has(name) });
        Object.assign(trace.marker, { size: line.layer.length > 40 ? 4 : 6.5 });
        trace.line.width = 2.1;
        // A band of one or two points is hardly seen.
        if (line.layer.length < 3 && line.low[0] !== null) {
          const [array, arrayminus] = [line.high.map((v, i) => v - line.mean[i]), line.mean.map((v, i) => v - line.low[i])];
          trace.error_y = { type: 'data', symmetric: false, array, arrayminus, thickness: 1.8, width: 7, color: colour(style.ink) };
        }
        trace.customdata = trace.customdata.map((t, i) => `${t} · n ${line.n[i]}, ${line.n_clusters} clusters${carriedBy(line, i)}`);
        traces.push(trace);
        named.add(name);
      }
      const head = [row.title, column.title].filter(Boolean).map(plotText).join(' · ');
      annotations.push({ ...place, x: 0, y: 1, yshift: 4, xanchor: 'left', yanchor: 'bottom', align: 'left', text: `<b>${head}</b>${under ? '<br>' : '  '}<span style="font-size:12px">${wrapped(support(lines), Math.max(30, wide / 7))}</span>`, font: { size: 13 } });
      // Plotly can't lay out axes without any point: an empty panel gets one that nobody sees.
      if (!lines.length) traces.push({ x: [xOf(spec.axis, 0)], y: [0], ...axes, mode: 'markers', marker: { opacity: 0 }, hoverinfo: 'skip', showlegend: false });
      if (!lines.length) annotations.push({ ...place, x: 0.5, y: 0.5, text: wrapped(reason || 'not run', Math.max(24, wide / 9)), font: { size: 12.5, color: colour('muted') } });
      for (const guide of row.guides ? row.guides(column) : []) {
        const ink = colour(guide.ink || 'strong-line');
        shapes.push({ type: 'line', xref: `${axes.xaxis} domain`, yref: axes.yaxis, x0: 0, x1: 1, y0: guide.value, y1: guide.value, line: { color: ink, width: 1.2, dash: 'dot' } });
        if (!c && !r && guide.text) annotations.push({ ...place, yref: axes.yaxis, x: 0.995, xanchor: 'right', y: guide.value, yanchor: 'bottom', text: plotText(guide.text), font: { size: 12, color: guide.ink ? ink : colour('muted') } });
      }
      const first = r * columns.length + 1;
      layout[`xaxis${suffix}`] = axisStyle(r === rows.length - 1 ? (columns.length > 1 ? (state.axis === 'depth' ? 'depth' : spec.axis) : xTitle(spec.axis)) : '', { domain: [left, right], anchor: axes.yaxis, nticks: wide < 430 ? 7 : 12, ...xRange(spec.axis) });
      layout[`yaxis${suffix}`] = axisStyle(c ? '' : wrapped(row.y, 26), { domain: [Math.max(0, from), from + spec.rowHeight / inner], anchor: axes.xaxis, matches: c ? `y${first > 1 ? first : ''}` : undefined, showticklabels: !c, nticks: 5, ...(row.range ? { range: row.range } : {}) });
    });
  });
  const methods = unique(used.map((u) => u.line.method || null));
  return {
    traces, title: spec.title, aria: spec.aria || used.map((u) => u.line.aria).join('. '), dropped,
    note: [methods.length ? `Bands: ${methods.join('; ')}.` : '', ...dropped.map((d) => `${d.text}.`)].filter(Boolean).join(' '),
    table: () => ({
      head: ['panel', 'line', spec.axis, 'depth', 'value', 'low', 'high', 'items', 'clusters', 'method'],
      rows: used.flatMap(({ line, name, row, column }) => line.layer.map((l, i) => [[row.title, column.title].filter(Boolean).join(' · '), name, String(l), VIEW.axes[spec.axis].depth[l], line.mean[i], line.low[i], line.high[i], String(line.n[i]), String(line.n_clusters), line.method])),
    }),
    layout: baseLayout({ ...layout, height, margin: { l: 78, r: 14, t: top, b: bottom }, shapes, annotations, hovermode: 'x unified', showlegend: true,
      legend: { orientation: 'h', x: 0, xanchor: 'left', y: -60 / inner, yanchor: 'top', font: { size: 12.5, color: colour('text') }, bgcolor: 'rgba(0,0,0,0)' } }),
  };
}

function plotWidth(name) { return Math.max(280, $(`${name}-panel`).clientWidth - 100); }

/** The whole axis, so that panels with few points stand beside full ones. */
function xRange(axis) {
  const count = VIEW.axes[axis].count;
  const step = xOf(axis, 1) - xOf(axis, 0) || 1;
  return { range: [xOf(axis, 0) - 0.6 * step, xOf(axis, count - 1) + 0.6 * step], dtick: state.axis === 'depth' ? 0.25 : undefined };
}

/** Draws the panels, or the reason why there are none. */
async function drawPanels(name, part, spec, title) {
  const host = $(`${name}-panel`);
  if (part.state !== 'ok') { drawState(name, host, stateBox(part.state, part.state === 'incomparable' ? `${title}: not comparable` : `${title}: not run`, part.text)); return; }
  const { spec: drawn, dropped } = withLines(spec);
  if (!drawn.columns.length) { drawState(name, host, stateBox('not_run', `${title}: nothing to draw`, `${dropped.map((d) => d.text).join('; ')}.`)); return; }
  await draw(name, host, panelFigure({ ...spec, name, title }));
}
