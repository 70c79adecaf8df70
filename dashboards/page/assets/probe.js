// Brings the page of `strata probe` to life: accuracy by stream with its controls, and confusion at a chosen stream.

const CONTROLS = {
  majority: { text: 'majority', dash: 'dot' },
  shuffled: { text: 'shuffled labels, mean', dash: 'dash', band: true },
  embedding: { text: 'embedding alone', dash: 'longdash' },
  random_init: { text: 'random weights', dash: 'dashdot' },
  control_accuracy: { text: 'control task', dash: 'dashdot' },
};
const SHOWN = {
  accuracy: { text: 'accuracy', line: 'accuracy', name: 'probe', controls: ['majority', 'embedding', 'random_init'], unit: 'share of held-out items', range: [0, 1] },
  template: { text: 'held-out templates', line: 'template_accuracy', name: 'probe on held-out templates', controls: ['control_accuracy', 'majority'], unit: 'share of held-out items', range: [0, 1] },
  null: { text: 'against shuffled labels', line: 'unshuffled', name: 'true labels, on folds that know no labels', controls: ['shuffled'], unit: 'share of held-out items', range: [0, 1] },
  selectivity: { text: 'selectivity', line: 'selectivity', name: 'accuracy − control task', controls: [], unit: 'difference of shares', zero: true },
  log_loss: { text: 'log-loss', line: 'log_loss', name: 'probe', controls: [], unit: 'nats per held-out item', zero: true },
};

function chosenPosition() { return VIEW.positions.find((p) => p.name === state.at) || VIEW.positions[0]; }
function chosenStream() { return state.layer === null ? chosenPosition().best : state.layer; }

function xTitle() {
  const count = VIEW.axes.n_layers;
  return state.axis === 'depth' ? `depth (0 = embedding, 1 = after the last of ${count} blocks)` : `stream (s enters block s; ${count} = after the last block)`;
}

function bandOf(line, color) {
  const at = line.layer.map((l, i) => i).filter((i) => line.low[i] !== null && line.high[i] !== null);
  if (!at.length) return null;
  const x = at.map((i) => xOf('stream', line.layer[i]));
  return {
    x: [...x, ...[...x].reverse()], y: [...at.map((i) => line.high[i]), ...at.map((i) => line.low[i]).reverse()],
    fill: 'toself', fillcolor: color, line: { width: 0 }, mode: 'lines', hoverinfo: 'skip', showlegend: false,
  };
}

function traceOf(line, name, style) {
  return {
    x: line.layer.map((l) => xOf('stream', l)), y: line.mean, name: plotText(name), mode: style.control ? 'lines' : 'lines+markers',
    customdata: line.layer.map((l, i) => `${num(line.mean[i], 3)} ${band(line.low[i], line.high[i], 3)}`), hovertemplate: '%{customdata}',
    line: { color: style.ink, width: style.control ? 1.4 : 2.4, dash: style.dash || 'solid' },
    marker: { size: 7, color: style.ink, line: { width: 1, color: colour('card') } }, legendrank: style.control ? 2000 : 1000,
  };
}

function accuracyFigure() {
  const position = chosenPosition();
  const shown = SHOWN[state.measure];
  const main = position.lines[shown.line];
  const traces = [];
  const shade = bandOf(main, colour('a-soft'));
  if (shade) traces.push(shade);
  const used = [[shown.line, main]];
  for (const name of shown.controls) {
    const line = position.lines[name];
    if (!line) continue;
    used.push([name, line]);
    const range = CONTROLS[name].band ? bandOf(line, colour('well')) : null;
    if (range) traces.push(range);
    traces.push(traceOf(line, CONTROLS[name].text, { control: true, dash: CONTROLS[name].dash, ink: colour('strong-line') }));
  }
  traces.push(traceOf(main, `${shown.name} · n ${main.n_items} items, ${main.n_clusters} clusters`, { ink: colour('a') }));
  const shapes = [], annotations = [];
  const mark = (stream, text, y) => {
    const x = xOf('stream', stream);
    shapes.push({ type: 'line', x0: x, x1: x, yref: 'paper', y0: 0, y1: 1, line: { color: colour('a'), width: 1.1, dash: 'dash' } });
    annotations.push({ x, yref: 'paper', y: 1, yanchor: 'bottom', yshift: y, xanchor: stream > VIEW.axes.n_layers / 2 ? 'right' : 'left', showarrow: false, text, font: { size: 12, color: colour('a') } });
  };
  if (state.measure === 'accuracy') {
    mark(position.best, `best: ${position.best}`, 0);
    if (position.rises !== null) mark(position.rises, `above its controls from ${position.rises}`, 15);
  }
  if (state.measure === 'null' && position.chance !== null) {
    shapes.push({ type: 'line', xref: 'paper', x0: 0, x1: 1, y0: position.chance, y1: position.chance, line: { color: colour('bad'), width: 1.2, dash: 'dot' } });
    annotations.push({ xref: 'paper', x: 1, y: position.chance, xanchor: 'right', yanchor: 'bottom', showarrow: false, text: '95 % of the best streams on shuffled labels lie below', font: { size: 12, color: colour('bad') } });
  }
  const yaxis = axisStyle(shown.unit, shown.range ? { range: [shown.range[0] - 0.02, shown.range[1] + 0.03] } : { rangemode: 'tozero' });
  return {
    traces, title: `${shown.text} by stream`,
    aria: `${shown.text} at ${visible(position.name)}, by stream: ${main.layer.filter((l) => l % 5 === 0 || l === position.best).map((l) => `stream ${l} ${num(main.mean[main.layer.indexOf(l)])}`).join(', ')}`,
    note: state.measure === 'null' ? 'Shuffled labels fall below chance where clusters are few: a label that a fold has more of is rarer in its training items. Grey: central 95 % of shuffles.' : shade ? `Band: ${main.method}` : 'No interval was computed.',
    table: () => ({
      head: ['position', 'measure', 'stream', 'depth', 'mean', 'low', 'high', 'items', 'clusters', 'method'],
      rows: used.flatMap(([name, line]) => line.layer.map((l, i) => [position.name, name, String(l), VIEW.axes.stream.depth[l], line.mean[i], line.low[i], line.high[i], String(line.n_items), String(line.n_clusters), line.method])),
    }),
    layout: baseLayout({
      height: 430, margin: { l: 68, r: 20, t: 44, b: 100 }, shapes, annotations, hovermode: 'x unified', showlegend: true,
      xaxis: axisStyle(xTitle(), { nticks: 20, dtick: state.axis === 'depth' ? 0.25 : undefined }), yaxis,
      legend: { orientation: 'h', x: 0, xanchor: 'left', y: -0.17, yanchor: 'top', font: { size: 12.5, color: colour('text') }, bgcolor: 'rgba(0,0,0,0)' },
    }),
  };
}

async function renderAccuracy() {
  const position = chosenPosition();
  const offered = Object.keys(SHOWN).filter((m) => position.lines[SHOWN[m].line]);
  if (!offered.includes(state.measure)) state.measure = 'accuracy';
  fillSelect($('at'), VIEW.positions.map((p) => ({ value: p.name, text: visible(p.name) })), position.name);
  fillSelect($('measure'), offered.map((m) => ({ value: m, text: SHOWN[m].text })), state.measure);
  await draw('accuracy', $('accuracy-panel'), {
    ...accuracyFigure(),
    attach(gd) {
      gd.on('plotly_click', (event) => {
        const at = event.points[0].x;
        update({ layer: VIEW.axes.stream.depth.findIndex((depth, l) => xOf('stream', l) === at) });
      });
    },
  });
}

function confusionFigure() {
  const position = chosenPosition();
  const stream = chosenStream();
  const counts = position.confusion[stream];
  const names = position.labels.map((label) => plotText(clip(visible(label), 22)));
  const sums = counts.map((row) => row.reduce((a, b) => a + b, 0));
  const shares = counts.map((row, i) => row.map((n) => (sums[i] ? n / sums[i] : null)));
  const at = names.map((_, i) => i);
  const small = names.length <= 12;
  const hover = counts.map((row, i) => row.map((n, j) => `${names[i]} taken for ${names[j]}: ${n} of ${sums[i]}`));
  const ticks = { tickvals: at, ticktext: names, showgrid: false, tickfont: { size: 12, color: colour('text') } };
  const width = Math.max(280, $('confusion-panel').clientWidth - 30);
  const left = Math.min(190, width * 0.3);
  // Cells about as wide as high, as far as there is room.
  const share = Math.min(1, (names.length * (small ? 92 : 26)) / (width - left - 90));
  return {
    traces: [{
      type: 'heatmap', x: at, y: at, z: shares, text: hover, hovertemplate: '%{text}<extra></extra>', zmin: 0, zmax: 1, colorscale: CIVIDIS, hoverongaps: false, xgap: 1, ygap: 1,
      colorbar: { thickness: 12, x: share, xanchor: 'left', xpad: 12, tickfont: { size: 11, color: colour('muted') }, outlinewidth: 0 },
    }],
    title: `Confusion at stream ${stream}`,
    aria: `At stream ${stream} ${counts.reduce((n, row, i) => n + row[i], 0)} of ${sums.reduce((a, b) => a + b, 0)} items are named rightly.`,
    note: `Stream ${stream}. Click the figure above to choose another one.`,
    table: () => ({ head: ['true label', 'predicted', 'items', 'share of the row'], rows: counts.flatMap((row, i) => row.map((n, j) => [visible(position.labels[i]), visible(position.labels[j]), String(n), shares[i][j]])) }),
    layout: baseLayout({
      height: Math.max(260, 130 + names.length * (small ? 40 : 22)), margin: { l: left, r: 90, t: 14, b: 96 },
      xaxis: axisStyle('predicted', { ...ticks, domain: [0, share], tickangle: small && names.every((n) => n.length < 10) ? 0 : -40, automargin: true }),
      yaxis: axisStyle('', { ...ticks, autorange: 'reversed' }),
      annotations: small ? counts.flatMap((row, i) => row.map((n, j) => ({ x: j, y: i, text: String(n), showarrow: false, font: { size: 12.5, color: shares[i][j] !== null && shares[i][j] > 0.6 ? '#10141a' : '#ffffff' } }))) : [],
    }),
  };
}

async function renderConfusion() {
  const streams = chosenPosition().lines.accuracy.layer;
  fillSelect($('layer'), streams.map((l) => ({ value: String(l), text: l === chosenPosition().best ? `${l} (best)` : String(l) })), String(chosenStream()));
  await draw('confusion', $('confusion-panel'), confusionFigure());
}

const PROBE_VIEWS = {
  accuracy: { keys: ['at', 'measure', 'axis', 'theme', 'width'], run: renderAccuracy },
  confusion: { keys: ['at', 'layer', 'theme', 'width'], run: renderConfusion },
};

async function startProbe() {
  document.documentElement.classList.add('js');
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
  redrawOnChange(PROBE_VIEWS);
  await drawAll(PROBE_VIEWS);
  document.documentElement.dataset.ready = 'true';
}

startProbe();
