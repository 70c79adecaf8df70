// What do two models look like layer by layer, and which weights moved? Maps in one colour range with a switch between models.

const SHOWN = {
  base: { contrast: 'change', part: 'before', text: 'base' },
  distilled: { contrast: 'change', part: 'after', text: 'distilled' },
  control: { contrast: 'control_change', part: 'after', text: 'control' },
  change: { contrast: 'change', part: 'mean', text: 'difference: distilled − base', ends: ['base higher', 'distilled higher'] },
  control_change: { contrast: 'control_change', part: 'mean', text: 'control’s difference: control − base', ends: ['base higher', 'control higher'] },
  difference_in_differences: { contrast: 'difference_in_differences', part: 'mean', text: 'difference in differences against the control: distilled − control', ends: ['control higher', 'distilled higher'] },
};

function reading() {
  const all = VIEW.changes.readings;
  return all.find((r) => r.instrument === state.inst && r.measure === state.measure && r.position === state.at)
    || all.find((r) => r.instrument === state.inst && r.measure === state.measure) || all.find((r) => r.instrument === state.inst) || all[0];
}

function linesOf(r, contrast) {
  return VIEW.changes.lines.filter((l) => l.contrast === contrast && l.instrument === r.instrument && l.measure === r.measure && l.position === r.position);
}

function siteText(component) { return component ? VIEW.changes.components[component] || component : ''; }
function placeText(position) { return { spans: 'at the spans that differ, pooled', all: 'at every position' }[position] || `at ${visible(position)}`; }

/** rows: [{label, group, value, dim, hover(i)}]; one heatmap, dimmed by a second one in the colour of the card. */
function heatFigure({ rows, layers, axis, limits, sequential, ends, clipped, unit, title, aria, table, host }) {
  const shown = [...rows].reverse();
  const x = layers.map((l) => xOf(axis, l));
  const y = shown.map((r, i) => i);
  const step = x.length > 1 ? x[1] - x[0] : 1;
  const narrow = $(host).clientWidth < 760;
  const common = { x, y, xgap: theme() === 'light' && rows.length * x.length < 2000 ? 1 : 0, ygap: 2, hoverongaps: false };
  const [low, high] = limits;
  const words = [`${num(low, 3)}<br>${ends ? ends[0] : ''}`, ...(sequential ? [] : ['0']), `${num(high, 3)}${clipped && !narrow ? ` (${clipped} clipped)` : ''}<br>${ends ? ends[1] : ''}`];
  const bar = { thickness: 12, len: 1, outlinewidth: 0, tickvals: sequential ? [low, high] : [low, 0, high], ticktext: words, tickfont: { size: 12, color: colour('muted') } };
  if (narrow) Object.assign(bar, { orientation: 'h', len: 0.7, y: 0, yanchor: 'top', ypad: 52, ticktext: words.map((t) => t.replace('<br>', ' ')) });
  const traces = [{ type: 'heatmap', ...common, z: shown.map((r) => r.value), text: shown.map((r) => r.value.map((v, i) => (v === null ? '' : r.hover(i)))), hovertemplate: '%{text}<extra></extra>', colorscale: sequential ? CIVIDIS : diverging(), zmin: low, zmax: high === low ? low + 1 : high, colorbar: bar }];
  if (shown.some((r) => r.dim)) traces.push({ type: 'heatmap', ...common, z: shown.map((r) => r.value.map((v, i) => (v !== null && r.dim && r.dim[i] ? 1 : null))), zmin: 0, zmax: 1, colorscale: [[0, colour('card')], [1, colour('card')]], opacity: 0.68, showscale: false, hoverinfo: 'skip' });
  const shapes = [];
  shown.forEach((r, i) => { if (i && shown[i - 1].group !== r.group) shapes.push({ type: 'line', xref: 'paper', x0: 0, x1: 1, y0: i - 0.5, y1: i - 0.5, line: { color: colour('strong-line'), width: 1 } }); });
  const left = narrow ? 196 : 250;
  return {
    traces, title, aria, table, note: clipped && narrow ? `${unit} ${clipped} cells beyond the colour range.` : unit,
    layout: baseLayout({
      height: Math.max(narrow ? 250 : 160, 30 + rows.length * 26 + (narrow ? 130 : 60)), margin: { l: left, r: narrow ? 16 : 128, t: 10, b: narrow ? 112 : 52 }, shapes,
      xaxis: axisStyle(xTitle(axis), { showgrid: false, nticks: 20, range: [x[0] - step / 2, x[x.length - 1] + step / 2] }),
      yaxis: axisStyle('', { showgrid: false, tickvals: y, ticktext: shown.map((r) => plotText(clip(r.label, narrow ? 29 : 52))), range: [-0.5, shown.length - 0.5], tickfont: { size: 12.5, color: colour('text') }, automargin: !narrow }),
    }),
  };
}

function layerControls(r) {
  const all = VIEW.changes.readings;
  const contrasts = unique(VIEW.changes.lines.map((l) => l.contrast));
  const show = Object.entries(SHOWN).filter(([, s]) => contrasts.includes(s.contrast));
  if (!show.some(([k]) => k === state.show)) state.show = 'change';
  Object.assign(state, { inst: r.instrument, measure: r.measure, at: r.position });
  fillSelect($('show'), show.map(([value, s]) => ({ value, text: s.text })), state.show);
  fillSelect($('inst'), unique(all.map((o) => o.instrument)).map((value) => ({ value, text: all.find((o) => o.instrument === value).instrument_label })), r.instrument);
  const mine = all.filter((o) => o.instrument === r.instrument);
  fillSelect($('measure'), unique(mine.map((o) => o.measure)).map((value) => ({ value, text: mine.find((o) => o.measure === value).label })), r.measure);
  fillSelect($('at'), mine.filter((o) => o.measure === r.measure).map((o) => ({ value: o.position, text: placeText(o.position) })), r.position);
  if (r.components.length && !r.components.includes(state.site)) state.site = r.components.includes('mlp_out') ? 'mlp_out' : r.components[0];
  fillSelect($('site'), r.components.map((value) => ({ value, text: siteText(value) })), state.site);
}

function layerMap(r) {
  const shown = SHOWN[state.show];
  const lines = linesOf(r, shown.contrast);
  const difference = shown.part === 'mean';
  const layers = unique(lines.flatMap((l) => l.layer)).sort((a, b) => a - b);
  const at = (line, values) => layers.map((l) => { const i = line.layer.indexOf(l); return i < 0 ? null : values[i]; });
  const rows = lines.map((line) => {
    const value = at(line, line[shown.part]);
    return {
      label: `${line.kind}${line.component ? ` · ${siteText(line.component)}` : ''} · n ${line.n_items}`, group: line.kind, value, line,
      dim: difference ? at(line, line.dim) : null,
      hover: (j) => {
        const i = line.layer.indexOf(layers[j]);
        const [upper, lower] = VIEW.changes.contrasts[line.contrast].split(' − ');
        return `<b>${plotText(line.kind)}</b> ${plotText(siteText(line.component))} · n ${line.n[i]} items in ${line.n_clusters} clusters<br>${line.axis} ${layers[j]}, depth ${num(VIEW.axes[line.axis].depth[layers[j]])}`
          + `<br>${lower} ${num(line.before[i], 3)}, ${upper} ${num(line.after[i], 3)}<br>${upper} − ${lower} ${num(line.mean[i], 3)} ${band(line.low[i], line.high[i], 3)}${line.dim[i] ? '<br>interval covers 0 or is absent' : ''}<br>${wrapped(line.method, 60)}`;
      },
    };
  });
  return heatFigure({
    rows, layers, axis: r.axis, limits: difference ? r.change_limits : r.limits, sequential: !difference && r.sequential, ends: shown.ends, clipped: difference ? r.change_clipped : r.clipped,
    unit: `Colour: ${shown.text}, ${r.unit}.`, title: `${r.instrument_label}, ${r.label}: ${shown.text}`, host: 'layermap-panel',
    aria: `${r.instrument_label}, ${r.label}, ${placeText(r.position)}. ${lines.map((l) => `${siteText(l.component)} ${l.aria}`.trim()).join('. ')}.`,
    table: () => ({
      head: ['contrast', 'kind', 'site', 'position', r.axis, 'depth', 'before', 'after', 'difference', 'low', 'high', 'items', 'clusters', 'method'],
      rows: lines.flatMap((l) => l.layer.map((layer, i) => [VIEW.changes.contrasts[l.contrast], l.kind, l.component, l.position, String(layer), VIEW.axes[l.axis].depth[layer], l.before[i], l.after[i], l.mean[i], l.low[i], l.high[i], String(l.n[i]), String(l.n_clusters), l.method])),
    }),
  });
}

/** Means of the models above, their differences with bands beneath. */
function layerPanels(r) {
  const mine = (contrast) => linesOf(r, contrast).filter((l) => l.component === null || l.component === state.site);
  const bare = (line, part) => ({ ...line, mean: line[part], low: line.low.map(() => null), high: line.high.map(() => null), method: '', aria: `${line.kind}, ${part}` });
  const found = { change: mine('change'), control: mine('control_change'), beyond: mine('difference_in_differences') };
  const cell = (row, column) => {
    const of = (lines) => lines.find((l) => l.kind === column.id);
    const [change, control, beyond] = [of(found.change), of(found.control), of(found.beyond)];
    const entries = row.id === 'models'
      ? [change && [bare(change, 'before'), 'base', 'base'], change && [bare(change, 'after'), 'distilled', 'distilled'], control && [bare(control, 'after'), 'control', 'control']]
      : [change && [change, 'distilled', 'distilled − base'], control && [control, 'control', 'control − base'], beyond && [beyond, 'beyond', 'distilled − control']];
    return { lines: entries.filter(Boolean).map(([line, role, name]) => ({ line, style: ROLE_STYLE[role], name })), reason: 'No item of this kind has this reading in both models.' };
  };
  return {
    columns: kindColumns(found.change).map((id) => ({ id, title: id })), axis: r.axis, rowHeight: 210, cell,
    rows: [{ id: 'models', title: `${siteText(r.components.length ? state.site : null)}`, y: r.unit }, { id: 'differences', title: 'difference', y: 'difference', guides: () => [{ value: 0, text: '' }] }],
    aria: [...found.change, ...found.control, ...found.beyond].map((l) => l.aria).join('. '),
  };
}

async function renderLayers() {
  const part = VIEW.changes;
  if (part.state !== 'ok') {
    for (const id of ['show', 'inst', 'measure', 'at', 'site']) fillSelect($(id), [], '');
    drawState('layermap', $('layermap-panel'), stateBox(part.state, 'Layer by layer: not run', part.text));
    $('layers-panel').hidden = true;
    return;
  }
  const r = reading();
  layerControls(r);
  await draw('layermap', $('layermap-panel'), layerMap(r));
  await drawPanels('layers', part, layerPanels(r), `${r.instrument_label}, ${r.label}, ${placeText(r.position)}`);
}

async function renderWeights() {
  const part = VIEW.weights;
  const host = $('weights-panel');
  const names = Object.keys(part.measures || {});
  if (part.state !== 'ok' || !names.length) {
    fillSelect($('wmeasure'), [], '');
    drawState('weights', host, stateBox(part.state === 'ok' ? 'not_run' : part.state, 'Weights: no change was measured', part.text || 'No matrix inside of the blocks could be compared.'));
    return;
  }
  const name = names.includes(state.wmeasure) ? state.wmeasure : names[0];
  const measure = part.measures[name];
  fillSelect($('wmeasure'), names.map((value) => ({ value, text: part.measures[value].label })), name);
  const rows = part.maps.flatMap((map) => part.matrices.map((matrix, m) => ({
    label: `${map.contrast} · ${matrix}`, group: map.contrast, value: map.values[name][m],
    hover: (i) => `<b>${plotText(map.contrast)}</b> ${plotText(matrix)}, block ${part.blocks[i]}, depth ${num(VIEW.axes.block.depth[part.blocks[i]])}<br>${names.map((k) => `${plotText(part.measures[k].label)}: ${num(map.values[k][m][i], 4)}`).join('<br>')}<br>${map.n[m][i]} tensors`,
  })));
  await draw('weights', host, heatFigure({
    rows, layers: part.blocks, axis: 'block', limits: measure.limits, sequential: true, unit: `Colour: ${measure.label}. Not an estimate from items: the weights themselves.`,
    title: `Weights: ${measure.label}`, host: 'weights-panel', aria: `${measure.label}. ${part.maps.map((m) => m.aria).join('. ')}.`,
    table: () => ({
      head: ['model', 'matrix', 'block', 'depth', ...names, 'tensors'],
      rows: part.maps.flatMap((map) => part.matrices.flatMap((matrix, m) => part.blocks.map((b, i) => [map.contrast, matrix, String(b), VIEW.axes.block.depth[b], ...names.map((k) => map.values[k][m][i]), String(map.n[m][i] ?? '')]))),
    }),
  }));
}
