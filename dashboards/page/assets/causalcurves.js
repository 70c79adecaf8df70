// What does each intervention do from block to block? The effect with its controls beside it, the damage beneath.

const CONTROL_STYLE = {
  random_donor: { dash: 'dash', symbol: 'triangle-up-open' },
  norm_matched_noise: { dash: 'dot', symbol: 'square-open' },
  wrong_position: { dash: 'dashdot', symbol: 'x-thin-open' },
  denoise: { dash: 'dash', symbol: 'diamond-open' },
};

const BOTH = 'spans+last';

function causalMeta(instrument, measure) { return VIEW.causal.meta[`${instrument}|${measure}`]; }
function baseOf(measure) { return measure.replace(/\.?window\d+$/, ''); }

function findCausal(instrument, measure, group, site, position) {
  const s = VIEW.causal.lines.find((l) => l.instrument === instrument && l.measure === measure && l.kind === group.kind && l.family === group.family
    && (l.component === site || instrument === 'knockout') && l.position === position);
  return s && { ...s, axis: 'block', layer: s.mean.map((v, l) => l) };
}

/** Selects for an intervention: measures without controls, then the sites and positions that this measure has. */
function causalControls() {
  const all = VIEW.causal.lines.filter((s) => s.instrument === state.inst);
  const offered = VIEW.labels.instruments[state.inst].measures;
  if (offered.length && !offered.includes(state.measure)) state.measure = offered[0];
  fillSelect($('measure'), offered.map((m) => ({ value: m, text: causalMeta(state.inst, m).label })), state.measure);
  const groups = chosenGroups();
  const mine = all.filter((s) => s.measure === state.measure && groups.some((g) => g.kind === s.kind && g.family === s.family));
  const here = mine.length ? mine : all.filter((s) => s.measure === state.measure);
  const sites = state.inst === 'knockout' ? [] : Object.keys(VIEW.causal.components).filter((c) => here.some((s) => s.component === c));
  if (sites.length && !sites.includes(state.site)) state.site = sites.includes(defaults.site) ? defaults.site : sites[0];
  fillSelect($('site'), sites.map((c) => ({ value: c, text: VIEW.causal.components[c] })), state.site);
  const order = unique(VIEW.causal.groups.flatMap((g) => g.positions));
  const positions = unique(here.filter((s) => !sites.length || s.component === state.site).map((s) => s.position)).sort((a, b) => order.indexOf(a) - order.indexOf(b));
  if (positions.includes('spans') && positions.includes('last')) positions.unshift(BOTH);
  if (positions.length && !positions.includes(state.at)) state.at = positions.includes(defaults.at) ? defaults.at : positions[0];
  fillSelect($('at'), positions.map((p) => ({ value: p, text: positionText(p) })), state.at);
  fillSelect($('target'), [], '');
  fillSelect($('scheme'), [], '');
}

function positionText(p) { return { [BOTH]: 'spans above, last below', all: 'all positions', spans: 'spans, pooled', question: 'whole question' }[p] || visible(p); }

function causalCaption() {
  const instrument = VIEW.labels.instruments[state.inst];
  const controls = state.inst === 'patching' && causalMeta('patching', state.measure) && causalMeta('patching', state.measure).references.length ? ' Grey lines are controls that must stay flat.' : '';
  const text = { patching: `${controls} Block 0 at a replaced token is token identity and is not counted.`,
    ablation: ' Beneath: what the same ablation does to neutral text; a drop where the damage is large says little about this kind. Block 0 is not counted.',
    knockout: ' A mark stands at the first block of its window.', attribution: ' The grey line is the exact activation patching effect.' }[state.inst];
  return `${instrument.label} — ${instrument.says}. Each mark is a mean over pairs, the band its 95 % interval (none under 8 clusters).${text}`;
}

/** What the selected effect is compared with: [line, words, style name]. */
function companions(group) {
  if (state.inst === 'attribution') return [['patching', state.measure, 'exact effect (activation patching)', 'denoise']];
  if (state.inst !== 'patching') return [];
  return causalMeta('patching', state.measure).references.map((m) => [state.inst, m, (VIEW.causal.meta[`patching|${m}`] || { label: m }).label.replace(/^Control: /, ''), baseOf(m)]);
}

function causalFigure(groups) {
  const meta = causalMeta(state.inst, state.measure);
  const places = state.at === BOTH ? ['spans', 'last'] : [state.at];
  const side = groups.length > 2 || ((state.inst === 'patching' || state.inst === 'attribution') && groups.length > 1 && companions(groups[0]).some(([i, m]) => places.some((at) => groups.some((g) => findCausal(i, m, g, state.site, at)))));
  const panels = side ? groups.map((g) => [g]) : [groups];
  const harm = state.inst === 'ablation' ? VIEW.causal.lines.find((s) => s.instrument === 'damage' && s.measure === meta.method && s.component === state.site) : null;
  const damage = harm && { ...harm, axis: 'block', layer: harm.mean.map((v, l) => l) };
  const traces = [], shapes = [], annotations = [], used = [], aria = [], layout = {};
  const legends = {};
  const named = new Set();
  const count = damage ? 2 : places.length;
  const heights = damage ? [[0.4, 1]] : (places.length > 1 ? [[0.57, 1], [0, 0.42]] : [[0, 1]]);
  const [first, last, step] = [xOf('block', 0), xOf('block', VIEW.axes.n_layers - 1), xOf('block', 1) - xOf('block', 0) || 1];
  const x = { range: [first - 0.6 * step, last + 0.6 * step], dtick: state.axis === 'depth' ? 0.25 : undefined, nticks: panels.length > 1 ? 9 : 20, showspikes: true, spikemode: 'across', spikethickness: 1, spikedash: 'dot', spikecolor: colour('strong-line') };
  const words = state.axis === 'depth' ? 'depth' : (meta.window > 1 ? `first block of a window of ${meta.window}` : 'block');
  panels.forEach((panel, p) => {
    const domain = [p / panels.length + (p ? 0.02 : 0), (p + 1) / panels.length - (p < panels.length - 1 ? 0.01 : 0)];
    places.forEach((place, r) => {
      const n = count * p + r + 1;
      const suffix = n > 1 ? String(n) : '';
      const axes = { xaxis: `x${suffix}`, yaxis: `y${suffix}` };
      panel.forEach((group) => {
        const s = findCausal(state.inst, state.measure, group, state.site, place);
        if (!s) return;
        for (const [from, name, text, key] of companions(group)) {
          const c = findCausal(from, name, group, state.site, place);
          if (!c) continue;
          used.push(c);
          const line = lineTrace(c, name, CONTROL_STYLE[key] || CONTROL_STYLE.denoise, axes, text, true, { legendgroup: text, showlegend: !legends[text], legendrank: 2000 });
          line.line.width = 1.6;
          Object.assign(line.marker, { size: 6.5, maxdisplayed: 12, color: colour('muted'), line: { width: 1.4, color: colour('muted') } });
          if (!legends[text]) legends[text] = { line, n: [] };
          legends[text].n.push(c.n_items);
          traces.push(line);
        }
        used.push(s);
        aria.push(s.aria);
        const shade = bandTrace(s, state.measure, axes, colour('a-soft'));
        if (shade) traces.push(shade);
        traces.push(lineTrace(s, state.measure, KIND_STYLE[group.kind] || KIND_STYLE.control, axes, `${visible(group.label)} · n ${s.n_items} pairs, ${s.n_clusters} clusters`, false, { legendrank: 1000, legendgroup: group.label, showlegend: !named.has(group.label) }));
        named.add(group.label);
      });
      if (panels.length > 1 || places.length > 1) annotations.push({ xref: `${axes.xaxis} domain`, yref: `${axes.yaxis} domain`, x: 0, y: 1, yshift: 20, xanchor: 'left', yanchor: 'bottom', showarrow: false, text: `<b>${plotText(panels.length > 1 ? visible(panel[0].label) : '')}</b>${places.length > 1 ? ` at ${positionText(place)}` : ''}`, font: { size: 13 } });
      layout[`xaxis${suffix}`] = axisStyle(damage || r < places.length - 1 ? '' : words, { domain, anchor: axes.yaxis, ...x });
      layout[`yaxis${suffix}`] = axisStyle(p ? '' : (places.length > 1 ? meta.short || meta.unit : meta.unit), { domain: heights[r], matches: p || r ? 'y' : undefined, showticklabels: !p, anchor: axes.xaxis });
      for (const line of meta.lines) {
        shapes.push({ type: 'line', xref: `${axes.xaxis} domain`, yref: axes.yaxis, x0: 0, x1: 1, y0: line.value, y1: line.value, line: { color: colour('strong-line'), width: 1.2, dash: 'dot' } });
        if (!p && !r) annotations.push({ xref: `${axes.xaxis} domain`, yref: axes.yaxis, x: 0.005, y: line.value, xanchor: 'left', yanchor: line.value ? 'bottom' : 'top', showarrow: false, text: plotText(line.text), font: { size: 12, color: colour('muted') } });
      }
    });
    const n = count * p + 1;
    if (damage) {
      const low = { xaxis: `x${n + 1}`, yaxis: `y${n + 1}` };
      const line = lineTrace(damage, 'damage', { dash: 'solid', symbol: 'circle-open' }, low, `damage on neutral text · n ${damage.n_items} texts`, true, { legendgroup: 'damage', showlegend: !p, legendrank: 3000 });
      line.line.width = 2;
      Object.assign(line, { fill: 'tozeroy', fillcolor: colour('well') });
      traces.push(line);
      layout[`xaxis${n + 1}`] = axisStyle(words, { domain, anchor: low.yaxis, matches: n > 1 ? `x${n}` : 'x', ...x });
      layout[`yaxis${n + 1}`] = axisStyle(p ? '' : 'KL, nats a token', { domain: [0, 0.26], anchor: low.xaxis, rangemode: 'tozero', nticks: 4, exponentformat: 'none', matches: p ? 'y2' : undefined, showticklabels: !p });
    }
  });
  for (const [text, { line, n }] of Object.entries(legends)) line.name = plotText(`${text} · n ${unique(n).join(' / ')}`);
  if (damage) { used.push(damage); aria.push(damage.aria); }
  const table = () => ({
    head: ['instrument', 'measure', 'site', 'kind', 'family', 'position', 'block', 'depth', 'mean', 'low', 'high', 'items', 'clusters', 'method'],
    rows: used.flatMap((s) => s.layer.filter((l) => s.mean[l] !== null).map((l) => [s.instrument, s.measure, s.component, s.kind, s.family, s.position, String(l), VIEW.axes.block.depth[l], s.mean[l], s.low[l], s.high[l], String(s.n_items), String(s.n_clusters), s.method])),
  });
  const notes = [`${bandNote(used).replace(/\.$/, '')}.`];
  if (state.inst === 'patching' && meta.references.length && !Object.keys(legends).length) notes.push('This site and position has no controls: they exist for contributions at named positions.');
  if (state.inst === 'ablation' && !damage) notes.push('Damage on neutral text: not run for this method and site.');
  return {
    traces, table, aria: aria.join('. '), title: `${VIEW.labels.instruments[state.inst].label}: ${meta.label}, ${positionText(state.at)}`, empty: !aria.length || (damage && aria.length === 1), note: notes.join(' '),
    layout: baseLayout({ ...layout, height: damage ? 560 : (places.length > 1 ? 640 : 430), margin: { l: 68, r: 16, t: panels.length > 1 || places.length > 1 ? 66 : 44, b: 104 }, shapes, annotations, hovermode: 'x unified', showlegend: true,
      legend: { orientation: 'h', x: 0, xanchor: 'left', y: count > 1 ? -0.12 : -0.17, yanchor: 'top', font: { size: 12.5, color: colour('text') }, itemclick: 'toggle', bgcolor: 'rgba(0,0,0,0)' } }),
  };
}
