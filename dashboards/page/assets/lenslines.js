// How do single tokens rise and fall along the streams at the crosshair's position?

/** Tokens to offer: the answer, then every token of any stream's top-k, by the highest probability it reaches. */
function lineCandidates(open, t) {
  const best = new Map();
  const firsts = new Set();
  for (let s = 0; s < open.entry.n_streams; s++) {
    topOf(s, t, open).forEach((k, rank) => {
      best.set(k.index, Math.max(best.get(k.index) || 0, k.p));
      if (rank === 0) firsts.add(k.index);
    });
  }
  return [...best.entries()].sort((a, b) => b[1] - a[1]).map(([index, p]) => ({ index, id: vocabularyId(index), text: vocabularyText(index), p, first: firsts.has(index) }));
}

function valuesOf(open, t, index) {
  return Array.from({ length: open.entry.n_streams }, (_, s) => {
    const hit = topOf(s, t, open).find((k) => k.index === index);
    return hit ? hit.p : null;
  });
}

const LINE_STYLES = [['dash', 'square'], ['dot', 'diamond'], ['dashdot', 'triangle-up'], ['longdash', 'cross'], ['longdashdot', 'x'], ['dash', 'star'], ['dot', 'hexagon']];

async function renderLines(open) {
  const { entry } = open;
  const t = crossPosition(open);
  const candidates = lineCandidates(open, t).filter((c) => !(entry.answer && open.planes.answer_nlp && c.text === entry.answer));
  const chosen = state.tok ? state.tok.split('.').map(Number) : null;
  const foil = candidates.find((c) => entry.foil && c.text === entry.foil);
  const byDefault = [...(foil ? [foil] : []), ...candidates.filter((c) => c.first && c !== foil).slice(0, 4)];
  const shown = chosen ? candidates.filter((c) => chosen.includes(c.id)) : byDefault;
  const toggle = (id) => {
    const now = shown.map((c) => c.id);
    const next = now.includes(id) ? now.filter((i) => i !== id) : [...now, id];
    update({ tok: next.join('.') || '-1' });
  };
  const chips = h('div', { class: 'chips', role: 'group', 'aria-label': 'Tokens drawn' }, 'Draw: ', [...new Set([...shown, ...candidates.slice(0, 12)])].map((c) => {
    const on = shown.includes(c);
    const box = h('input', { type: 'checkbox', onchange: () => toggle(c.id) });
    box.checked = on;
    return h('label', { class: on ? 'on' : null }, box, tokenElement(c.text), `max ${prob(c.p)}`);
  }));
  const x = Array.from({ length: entry.n_streams }, (_, s) => xOf('stream', s));
  const lines = shown.slice(0, 7).map((c, i) => ({ name: `${visible(c.text)}${c === foil ? ' (foil)' : ''}`, y: valuesOf(open, t, c.index), style: LINE_STYLES[i], main: false }));
  if (open.planes.answer_nlp) lines.unshift({ name: `${visible(entry.answer)} (answer)`, y: x.map((_, s) => lensValue('answer', s, t, open)), style: ['solid', 'circle'], main: true });
  let host = open.lines.querySelector('.linesplot');
  if (!host) { host = h('div', { class: 'linesplot' }); open.lines.replaceChildren(host); }
  open.lines.querySelector('.chips')?.remove();
  open.lines.prepend(chips);
  const streamAt = crossStream(open);
  await draw('lines', host, {
    title: `${visible(entry.item)}, position ${t}`, note: `Position ${t}; a token has no mark where it is not among the ${entry.top} most probable.`,
    traces: lines.map((l) => ({
      x, y: l.y, name: plotText(l.name), mode: 'lines+markers', connectgaps: false, hovertemplate: '%{y:.3f}',
      line: { color: l.main ? colour('a') : colour('muted'), width: l.main ? 2.6 : 1.4, dash: l.style[0] }, marker: { symbol: l.style[1], size: l.main ? 7 : 6, color: l.main ? colour('a') : colour('muted') },
    })),
    aria: `Probabilities after token ${t} by stream. ${lines.map((l) => `${l.name}: ${l.y.filter((v) => v !== null).length ? `${prob(l.y.filter((v) => v !== null).slice(-1)[0])} at its last stream` : 'never among the most probable'}`).join('; ')}`,
    table: () => ({ head: ['stream', 'depth', ...lines.map((l) => l.name)], rows: x.map((_, s) => [String(s), VIEW.axes.stream.depth[s], ...lines.map((l) => l.y[s])]) }),
    layout: baseLayout({
      height: 300, margin: { l: 74, r: 24, t: 12, b: 92 }, hovermode: 'x unified', showlegend: true, legend: { orientation: 'h', x: 0, y: -0.26, yanchor: 'top', font: { size: 12.5, family: MONO, color: colour('text') } },
      shapes: [{ type: 'line', x0: xOf('stream', streamAt), x1: xOf('stream', streamAt), yref: 'paper', y0: 0, y1: 1, line: { color: colour('strong-line'), width: 1, dash: 'dot' } }],
      xaxis: axisStyle(state.axis === 'depth' ? 'depth' : 'stream', { nticks: 20 }), yaxis: axisStyle('probability', { range: [-0.03, 1.03] }),
    }),
  });
}
