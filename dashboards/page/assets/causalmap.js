// Which block at which position moves the answer? Position × block, a panel a site, for kinds, families and single items.

/** What the chosen group is: its columns, its cells and how they are found. */
function causalChoice() {
  const C = VIEW.causal;
  if (state.cgroup.startsWith('item:')) {
    const item = C.items.find((i) => `item:${i.item}` === state.cgroup);
    if (!item) return null;
    const grid = (measure, site) => (item.values[measure] || {})[site] || {};
    return {
      item, label: `${visible(item.item)} (${item.family})`, n: 1, positions: item.positions, identity: item.identity, measures: C.measures.patching.filter((m) => item.values[m]),
      cell: (measure, site, position, l) => { const line = grid(measure, site)[position]; return line ? { mean: line[l], low: null, high: null, n: 1 } : null; },
    };
  }
  const group = C.groups.find((g) => g.id === state.cgroup) || C.groups[0];
  if (!group) return null;
  const lines = new Map();
  for (const s of C.lines) if (s.instrument === 'patching' && s.kind === group.kind && s.family === group.family) lines.set(`${s.measure}|${s.component}|${s.position}`, s);
  return {
    group, item: null, label: group.family === null ? `all ${group.kind} pairs` : visible(group.family), n: group.n_items, positions: group.positions, identity: group.identity,
    measures: C.measures.patching.filter((m) => [...lines.keys()].some((k) => k.startsWith(`${m}|`))),
    cell: (measure, site, position, l) => { const s = lines.get(`${measure}|${site}|${position}`); return s ? { mean: s.mean[l], low: s.low[l], high: s.high[l], n: s.n_items } : null; },
  };
}

const BLANK = {
  beyond: 'no window of blocks starts here',
  unread: 'can not matter: after the last block nothing carries this position on',
  same: 'can not matter: both prompts have the same token here',
  not_run: 'not run',
};

/** Why a cell has no colour, as a code of `BLANK`: it can't matter by construction, or nobody measured it. */
function blankOf(site, position, l, window, found) {
  const last = VIEW.axes.n_layers - 1;
  if (l > last + 1 - window) return 'beyond';
  const silent = !found || found.mean === null || Math.abs(found.mean) < 1e-4;
  if (silent && window === 1 && l === last && site !== 'resid_pre' && position !== 'last' && position !== 'all') return 'unread';
  if (silent && found && site === 'resid_pre' && l === 0 && position === 'last') return 'same';
  if (!found || found.mean === null) return 'not_run';
  return '';
}

function causalMapFigure(choice) {
  const C = VIEW.causal, L = VIEW.axes.n_layers, measure = state.cmeasure;
  const meta = causalMeta('patching', measure);
  const sites = Object.keys(C.components).filter((s) => (state.csite === 'all' || s === state.csite)
    && choice.positions.some((p) => choice.cell(measure, s, p, 0)));
  const limit = C.limits[1];
  const wide = $('causal-panel').clientWidth;
  const perRow = wide < 900 ? 2 : 4;
  const bands = Math.ceil(sites.length / perRow);
  const columns = Math.min(perRow, sites.length);
  const tall = bands * Math.max(300, Math.min(560, 40 + L * 15));
  const traces = [], annotations = [], layout = {}, rows = [];
  let clipped = 0;
  const y = Array.from({ length: L }, (_, l) => xOf('block', l));
  const half = (y.length > 1 ? y[1] - y[0] : 1) / 2;
  sites.forEach((site, at) => {
    const suffix = at ? String(at + 1) : '';
    const axes = { xaxis: `x${suffix}`, yaxis: `y${suffix}` };
    const row = Math.floor(at / perRow), column = at % perRow;
    const z = [], grey = [], hover = [], greyHover = [];
    const positions = choice.positions.filter((p) => p !== 'spans' || choice.cell(measure, site, p, 0)); // pooled spans exist for some sites only
    const hatchX = [], hatchY = [], markX = [], markY = [];
    y.forEach((v, l) => {
      z.push([]); grey.push([]); hover.push([]); greyHover.push([]);
      positions.forEach((p, c) => {
        const found = choice.cell(measure, site, p, l);
        const blank = blankOf(site, p, l, meta.window, found);
        const identity = l === 0 && choice.identity.includes(p);
        const where = `<b>${plotText(C.components[site])}</b> · ${plotText(positionText(p))}<br>block ${l}${meta.window > 1 ? `–${l + meta.window - 1}` : ''}, depth ${num(VIEW.axes.block.depth[l])}`;
        const said = found && found.mean !== null ? `<br>${num(found.mean, 3)} ${band(found.low, found.high, 3)} · n ${found.n}` : '';
        z[l].push(blank ? null : found.mean);
        grey[l].push(blank === 'not_run' ? 1 : (blank ? 0 : null));
        hover[l].push(`${where}${said}${identity ? '<br>token identity, not counted' : ''}`);
        greyHover[l].push(blank ? `${where}<br>${BLANK[blank]}` : '');
        if (!blank && Math.abs(found.mean) > limit) clipped += 1;
        if (identity && !blank) { markX.push(c); markY.push(v); }
        if (blank && blank !== 'not_run') {
          hatchX.push(c - 0.5, c + 0.5, c + 0.5, c - 0.5, c - 0.5, null);
          hatchY.push(v - half, v - half, v + half, v + half, v - half, null);
        }
        rows.push([C.components[site], measure, positionText(p), String(l), VIEW.axes.block.depth[l], blank ? null : found.mean, blank ? null : found.low, blank ? null : found.high, found ? String(found.n) : '', identity ? 'token identity, not counted' : (blank ? BLANK[blank] : '')]);
      });
    });
    const x = positions.map((p, i) => i);
    const bar = {
      thickness: 12, len: 1, outlinewidth: 0, ticks: 'outside', ticklen: 6, tickcolor: colour('text'),
      tickvals: unique([-limit, 0, 1, limit]), ticktext: unique([-limit, 0, 1, limit]).map((v) => (v === 1 ? meta.one : num(v, v ? 1 : 0))), tickfont: { size: 12, color: colour('muted') },
    };
    if (wide < 900) Object.assign(bar, { orientation: 'h', len: 0.7, y: -0.12, yanchor: 'top' });
    traces.push({ type: 'heatmap', x, y, z: grey, text: greyHover, hovertemplate: '%{text}<extra></extra>', colorscale: [[0, colour('card')], [1, colour('blank')]], zmin: 0, zmax: 1, showscale: false, hoverongaps: false, ...axes });
    traces.push({ type: 'heatmap', x, y, z, text: hover, hovertemplate: '%{text}<extra></extra>', colorscale: diverging(), zmin: -limit, zmax: limit, showscale: at === 0, colorbar: bar, hoverongaps: false, xgap: 2, ygap: L <= 40 && theme() === 'light' ? 1 : 0, ...axes });
    if (hatchX.length) traces.push({ type: 'scatter', mode: 'lines', x: hatchX, y: hatchY, fill: 'toself', line: { width: 0 }, fillcolor: colour('card'), fillpattern: { shape: '/', size: 6, solidity: 0.3, fgcolor: colour('strong-line'), bgcolor: colour('card'), fillmode: 'replace' }, hoverinfo: 'skip', showlegend: false, ...axes });
    if (markX.length) traces.push({ type: 'scatter', mode: 'markers', x: markX, y: markY, marker: { symbol: 'x', size: 8, color: colour('text'), line: { width: 1, color: colour('card') } }, hoverinfo: 'skip', showlegend: false, ...axes });
    const gap = 0.035;
    const width = (1 - gap * (columns - 1)) / columns;
    const height = bands > 1 ? (1 - 120 / tall) / 2 : 1;
    const x0 = column * (width + gap), y0 = bands > 1 && !row ? 1 - height : 0;
    layout[`xaxis${suffix}`] = axisStyle('', { domain: [x0, x0 + width], anchor: axes.yaxis, showgrid: false, tickvals: x, ticktext: positions.map((p) => plotText(clip(positionText(p), 16))), tickangle: choice.positions.length > 3 ? -35 : 0, range: [-0.5, x.length - 0.5], automargin: false, tickfont: { size: 12, color: colour('text') } });
    layout[`yaxis${suffix}`] = axisStyle(column ? '' : (state.axis === 'depth' ? 'depth' : 'block'), { domain: [y0, y0 + height], anchor: axes.xaxis, showgrid: false, showticklabels: !column, nticks: 16, range: [y[0] - half, y[y.length - 1] + half] });
    annotations.push({ xref: `${axes.xaxis} domain`, yref: `${axes.yaxis} domain`, x: 0, y: 1, yshift: 4, xanchor: 'left', yanchor: 'bottom', showarrow: false, text: `<b>${plotText(C.components[site])}</b>`, font: { size: 13 } });
  });
  return {
    traces, empty: !sites.length, title: `${meta.label}: ${choice.label}`, aria: causalAria(choice, sites, measure, meta),
    note: `${choice.item ? 'One pair' : `Means over n ${choice.n} pairs at most; a position counts the pairs that have it`}${clipped ? `; ${clipped} cells beyond ±${num(limit, 1)}` : ''}.`,
    layout: baseLayout({ ...layout, annotations, height: tall + 34 + (wide < 900 ? 150 : 78), margin: { l: 56, r: wide < 900 ? 16 : 140, t: 34, b: wide < 900 ? 150 : 78 } }),
    table: () => ({ head: ['site', 'measure', 'position', 'block', 'depth', 'effect', 'low', 'high', 'n', 'note'], rows }),
  };
}

function causalAria(choice, sites, measure, meta) {
  const head = `Intervention map, ${meta.label}, ${choice.label}, ${choice.n} ${choice.n === 1 ? 'pair' : 'pairs'}`;
  const peaks = choice.item ? choice.item.peaks : choice.group.peaks;
  const told = sites.map((s) => [s, ((peaks || {})[measure] || {})[s]]).filter(([, p]) => p)
    .map(([s, p]) => `${VIEW.causal.components[s]}: highest ${num(p.value)} ${band(p.low, p.high)} at ${positionText(p.position)}, block ${p.layer}`);
  return [head, ...told].join('. ');
}

/** Clean and counterfactual prompt over each other, cut at the same spans. */
function promptPair(item) {
  const cell = (text, part, other) => h('td', { class: part.name ? 'span' : null }, h('bdi', { class: text !== other ? 'differs' : null }, text === '' ? '' : visible(text)));
  const name = (p) => h('td', {}, p.name ? visible(p.name) : '');
  return h('div', { class: 'pairbox', tabindex: 0, role: 'region', 'aria-label': 'Clean and counterfactual prompt, aligned' }, h('table', { class: 'pair' }, h('tbody', {},
    h('tr', { class: 'names' }, h('th', { scope: 'row' }, 'span'), item.segments.map(name), h('td', {}, 'answer')),
    h('tr', {}, h('th', { scope: 'row' }, 'clean'), item.segments.map((p) => cell(p.clean, p, p.foil)), h('td', {}, tokenElement(item.answer))),
    h('tr', {}, h('th', { scope: 'row' }, 'foil'), item.segments.map((p) => cell(p.foil, p, p.clean)), h('td', {}, tokenElement(item.foil))))));
}

function causalLegend() {
  return h('p', { class: 'blanks' }, h('span', {}, h('i', { class: 'swatch zero' }), 'effect 0'), h('span', {}, h('i', { class: 'swatch hatched' }), 'can not matter'),
    h('span', {}, h('i', { class: 'swatch grey' }), 'not run'), h('span', {}, h('b', {}, '✖'), ' block 0 at a replaced token: token identity, not counted'));
}

async function renderCausal() {
  const host = $('causal-panel');
  const C = VIEW.causal;
  $('causal-caption').textContent = 'Clean activations put into the corrupted run (denoise) or corrupted ones into the clean run (noise), one block and position at a time.';
  const choice = C.groups.length ? causalChoice() : null;
  if (!choice) {
    for (const id of ['cgroup', 'cmeasure', 'csite']) fillSelect($(id), [], '');
    drawState('causal', host, stateBox('not_run', 'Interventions: not run', C.state === 'ok' ? VIEW.labels.instruments.patching.not_run : C.text));
    return;
  }
  const named = (g) => (g.family === null ? `kind: ${g.kind}` : `family: ${visible(g.family)}`);
  fillSelect($('cgroup'), [...C.groups.map((g) => ({ value: g.id, text: `${named(g)} · n ${g.n_items}` })), ...C.items.map((i) => ({ value: `item:${i.item}`, text: `item: ${clip(visible(i.item), 30)}` }))], state.cgroup);
  if (!choice.measures.includes(state.cmeasure)) state.cmeasure = choice.measures[0];
  fillSelect($('cmeasure'), choice.measures.map((m) => ({ value: m, text: causalMeta('patching', m).label })), state.cmeasure);
  fillSelect($('csite'), [{ value: 'all', text: 'all, side by side' }, ...Object.entries(C.components).map(([value, text]) => ({ value, text }))], state.csite);
  const meta = causalMeta('patching', state.cmeasure);
  $('causal-caption').textContent = `${meta.label}, ${choice.label}. Colour: ${meta.unit}. ${choice.item ? `Item maps are kept for ${C.items_rule}.` : 'Columns stand in prompt order; “all” edits every position at once.'}`;
  const figure = causalMapFigure(choice);
  if (figure.empty) {
    drawState('causal', host, stateBox('not_run', `${meta.label}: not run for this site`, 'Choose another site or measure; controls exist for contributions at named positions only.', h('button', { type: 'button', onclick: () => update({ csite: 'all', cmeasure: 'denoise' }) }, 'Show denoise at all sites')));
    $('causal-head').hidden = true;
    return;
  }
  $('causal-head').hidden = false;
  $('causal-head').replaceChildren(...(choice.item ? [promptPair(choice.item)] : []), causalLegend());
  await draw('causal', host, figure);
}
