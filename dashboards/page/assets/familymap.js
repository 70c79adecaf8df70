// Which families show something at which layer? One row a family, dimmed where the interval covers the baseline.

function chosenMap() { return VIEW.maps.find((m) => m.id === state.map) || VIEW.maps[0]; }

function mapFigure(map) {
  const rows = [...map.rows].reverse(); // the first family stands on top
  const x = map.layers.map((l) => xOf(map.axis, l));
  const y = rows.map((r, i) => i);
  const z = rows.map((r) => r.value);
  const hover = rows.map((r) => r.value.map((v, i) => (v === null ? '' :
    `<b>${plotText(visible(r.name || r.family))}</b> (${r.kind}) · n ${r.n}<br>${map.axis} ${map.layers[i]}, depth ${num(VIEW.axes[map.axis].depth[map.layers[i]])}`
    + `<br>${num(v, 3)} ${plotText(map.unit)}<br>measure ${band(r.low[i], r.high[i], 3)}, baseline ${num(r.base[i], 3)}${r.dim[i] ? '<br>interval covers the baseline' : ''}`)));
  const selected = rows.map((r) => state.family === '' || r.family === state.family);
  const dim = rows.map((r, i) => r.dim.map((d, j) => (r.value[j] === null ? null : (d || !selected[i] ? 1 : null))));
  const step = x.length > 1 ? x[1] - x[0] : 1;
  const common = { x, y, xgap: theme() === 'light' && rows.length * x.length < 2000 ? 1 : 0, ygap: 2 };
  const annotations = rows.flatMap((r, i) => (r.value.every((v) => v === null) || r.note
    ? [{ x: 1, xref: 'paper', y: i, xanchor: 'right', xshift: -8, showarrow: false, text: plotText(r.note || 'no values'), font: { size: 12, color: colour('text') }, bgcolor: colour('card'), borderpad: 2 }] : []));
  const shapes = [];
  rows.forEach((r, i) => {
    if (i && rows[i - 1].kind !== r.kind) shapes.push({ type: 'line', xref: 'paper', x0: -0.4, x1: 1, y0: i - 0.5, y1: i - 0.5, line: { color: colour('strong-line'), width: 1 } });
  });
  const kinds = unique(rows.map((r) => r.kind));
  const narrow = $('map-panel').clientWidth < 760;
  for (const kind of kinds) {
    const at = rows.map((r, i) => (r.kind === kind ? i : -1)).filter((i) => i >= 0);
    annotations.push({ x: 0, xref: 'paper', y: Math.max(...at) + 0.5, yanchor: 'top', xanchor: 'left', xshift: narrow ? -206 : -268, showarrow: false, text: `<b>${plotText(kind)}</b>`, font: { size: 12, color: colour('muted') } });
  }
  const limit = map.limits[1];
  const bar = {
    thickness: 12, len: 1, outlinewidth: 0,
    tickvals: [-limit, 0, limit], ticktext: [`${num(-limit)}<br>${map.ends[0]}`, '0', `${num(limit)}${map.clipped ? ` (${map.clipped} clipped)` : ''}<br>${map.ends[1]}`], tickfont: { size: 12, color: colour('muted') },
  };
  if (narrow) Object.assign(bar, { orientation: 'h', y: -0.12, yanchor: 'top', ticktext: bar.ticktext.map((t) => t.replace('<br>', ' ')) });
  const traces = [
    { type: 'heatmap', ...common, z, text: hover, hovertemplate: '%{text}<extra></extra>', colorscale: diverging(), zmin: -limit, zmax: limit, colorbar: bar, hoverongaps: false },
    { type: 'heatmap', ...common, z: dim, zmin: 0, zmax: 1, colorscale: [[0, colour('card')], [1, colour('card')]], opacity: 0.68, showscale: false, hoverinfo: 'skip', hoverongaps: false },
  ];
  const apart = (map.apart || []).flatMap((l) => y.filter((i) => rows[i].value[map.layers.indexOf(l)] !== null).map((i) => [xOf(map.axis, l), i]));
  if (apart.length) traces.push({ type: 'scatter', mode: 'markers', x: apart.map((a) => a[0]), y: apart.map((a) => a[1]), marker: { symbol: 'x', size: 8, color: colour('text'), line: { width: 1, color: colour('card') } }, hoverinfo: 'skip', showlegend: false });
  const layout = baseLayout({
    height: Math.max(190, 34 + rows.length * (rows.length > 24 ? 20 : 26) + (narrow ? 170 : 62)), margin: { l: narrow ? 214 : 276, r: narrow ? 16 : 128, t: 10, b: narrow ? 140 : 52 }, shapes, annotations,
    xaxis: axisStyle(xTitle(map.axis), { showgrid: false, nticks: 20, range: [x[0] - step / 2, x[x.length - 1] + step / 2] }),
    yaxis: axisStyle('', { showgrid: false, tickvals: y, ticktext: rows.map((r) => plotText(`${r.family === state.family ? '▸ ' : ''}${clip(visible(r.name || r.family), 22)} · n ${r.n}`)), range: [-0.5, rows.length - 0.5], tickfont: { size: 12.5, color: colour('text') } }),
  });
  return {
    traces, layout, aria: map.aria, title: map.title, note: `Click a row to filter the items below${map.clipped ? `; ${map.clipped} cells beyond the colour range` : ''}.`,
    table: () => ({
      head: ['family', 'kind', 'n', map.axis, 'depth', 'value', 'measure low', 'measure high', 'baseline', 'interval covers baseline', 'note'],
      rows: map.rows.flatMap((r) => map.layers.map((l, i) => [r.name || r.family, r.kind, String(r.n), String(l), VIEW.axes[map.axis].depth[l], r.value[i], r.low[i], r.high[i], r.base[i], r.value[i] === null ? '' : (r.dim[i] ? 'yes' : 'no'), r.note])),
    }),
    attach(gd) {
      gd.on('plotly_click', (event) => {
        const point = event.points.find((p) => p.curveNumber === 0) || event.points[0];
        const shown = [...chosenMap().rows].reverse()[point.pointNumber[0]];
        update({ family: shown.family === state.family ? '' : shown.family });
      });
    },
  };
}

async function renderMap() {
  const host = $('map-panel');
  if (!VIEW.maps.length) {
    fillSelect($('mapsel'), [], '');
    drawState('map', host, stateBox('not_run', 'Layer × family map: not run', 'No instrument left a curve for a family. Start the same `strata locate` command with probes or lens switched on.'));
    return;
  }
  const map = chosenMap();
  fillSelect($('mapsel'), VIEW.maps.map((m) => ({ value: m.id, text: m.title })), map.id);
  $('map-caption').textContent = `Colour: ${map.unit}. ${map.caption} Families the model does not answer keep their row.`;
  await draw('map', host, mapFigure(map));
}
