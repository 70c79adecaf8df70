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
  return [...best.entries()].sort((a, b) => b[1] - a[1]).map(([index, p]) => ({ index, ...vocabularyToken(index, open.entry), p, first: firsts.has(index) }));
}

function valuesOf(open, t, index) {
  return Array.from({ length: open.entry.n_streams }, (_, s) => {
    const hit = topOf(s, t, open).find((k) => k.index === index);
    return hit ? hit.p : null;
  });
}

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
  const x = Array.from({ length: entry.n_streams }, (_, s) => s);
  const lines = shown.slice(0, 7).map((c, i) => ({ name: `${visible(c.text)}${c === foil ? ' (foil)' : ''}`, y: valuesOf(open, t, c.index), style: i + 1 }));
  if (open.planes.answer_nlp) lines.unshift({ name: `${visible(entry.answer)} (answer)`, y: x.map((_, s) => lensValue('answer', s, t, open)), style: 0 });
  let host = open.lines.querySelector('.linesplot');
  if (!host) { host = h('div', { class: 'linesplot' }); open.lines.replaceChildren(host); }
  open.lines.querySelector('.chips')?.remove();
  open.lines.prepend(chips);
  const fill = (traces, layout) => {
    const [at] = layout.shapes;
    Object.assign(at, { x0: crossStream(open), x1: crossStream(open) });
    return { layout, traces: lines.map((line) => ({ ...traces[line.style], x, y: line.y, name: plotText(line.name) })) };
  };
  const frame = figureFor('lenslines', 'tokens', host);
  const paper = () => { const bare = frame.paper(); const { layout, traces } = fill(bare.data, bare.layout); return { ...bare, layout, data: traces }; };
  await draw('lines', host, {
    ...frame, ...fill(frame.traces, frame.layout), paper,
    title: `${visible(entry.item)}, position ${placeOf(entry, t)}`, note: say('tokens_note', { position: placeOf(entry, t), top: entry.top }),
    aria: say('tokens_aria', { position: placeOf(entry, t), lines: lines.map((l) => spokenToken(l.name, l.y.filter((v) => v !== null))).join('; ') }),
    table: () => ({ head: ['stream', 'depth', ...lines.map((l) => l.name)], rows: x.map((_, s) => [String(s), VIEW.axes.stream.depth[s], ...lines.map((l) => l.y[s])]) }),
  });
}

function spokenToken(token, known) { return known.length ? say('token_last', { token, probability: prob(known[known.length - 1]) }) : say('token_never', { token }); }
