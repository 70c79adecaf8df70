// From which stream on is each item's answer the likeliest token, and how many items never get there?

async function renderEmergence() {
  const host = $('emergence-panel');
  const e = VIEW.emergence;
  if (e.state !== 'ok') {
    const title = e.state === 'not_run' ? 'Emergence: not run' : 'Emergence: no items';
    drawState('emergence', host, stateBox(e.state, title, e.text || '0 items have an emergence depth.'));
    return;
  }
  $('emergence-caption').textContent = `Logit lens, one bar a stream: items by the stream at which the answer is ${e.name}, the ${e.definition}. All items that were asked, also those answered wrong, each counted once. Items that never get there stand apart on the right; they are not counted as the last stream. “Readable from” in the verdict asks for less: an answer likelier than an unrelated one.`;
  const kinds = e.kinds.filter((k) => k.kind === 'knowledge' || k.kind === 'reasoning');
  const shown = kinds.length ? kinds : e.kinds;
  const n = VIEW.axes.stream.count;
  const gap = state.axis === 'depth' ? 0.1 : Math.max(1.6, n * 0.06);
  const end = xOf('stream', n - 1) + gap;
  const traces = shown.map((k) => ({
    type: 'bar', name: `${k.kind} · n ${k.n}`, x: [...k.counts.map((c, s) => xOf('stream', s)), end], y: [...k.counts, k.never],
    customdata: [...k.counts.map((c, s) => `stream ${s}`), 'never'], text: [...k.counts.map(() => ''), String(k.never)], textposition: 'outside', textfont: { size: 12, color: colour('text') }, cliponaxis: false,
    hovertemplate: `%{customdata}: %{y} of ${k.n} ${k.kind} items<extra></extra>`,
    marker: { color: k.kind === 'knowledge' ? colour('a') : colour('card'), line: { color: colour('a'), width: 1.6 }, pattern: k.kind === 'knowledge' ? undefined : { shape: '/', fgcolor: colour('a'), bgcolor: colour('card'), size: 6, solidity: 0.25 } },
  }));
  const ticks = [];
  const step = Math.max(1, Math.ceil((n - 1) / (state.axis === 'depth' ? 4 : 14)));
  for (let s = n - 1; s >= 0; s -= step) ticks.unshift(s);
  await draw('emergence', host, {
    traces, title: `Stream at which the answer is ${e.name}`,
    aria: shown.map((k) => `${k.kind}: ${k.n} items, ${k.never} never ${e.name}, ${k.counts.map((c, s) => (c ? `${c} at stream ${s}` : '')).filter(Boolean).join(', ')}`).join('. '),
    note: 'Counts of items; no item is excluded.',
    layout: baseLayout({
      height: 280, barmode: 'group', bargap: 0.25, margin: { l: 68, r: 16, t: 14, b: 92 }, showlegend: true, legend: { orientation: 'h', x: 0, y: -0.28, yanchor: 'top', font: { size: 12.5, color: colour('text') } },
      xaxis: axisStyle(`${state.axis === 'depth' ? 'depth' : 'stream'} from which the answer stays the likeliest token`, { showgrid: false, tickvals: [...ticks.map((s) => xOf('stream', s)), end], ticktext: [...ticks.map((s) => (state.axis === 'depth' ? num(VIEW.axes.stream.depth[s]) : String(s))), 'never'] }),
      yaxis: axisStyle('items', { rangemode: 'tozero' }),
    }),
    table: () => ({ head: ['kind', 'stream', 'items', 'of'], rows: e.kinds.flatMap((k) => [...k.counts.map((c, s) => [k.kind, String(s), String(c), String(k.n)]), [k.kind, 'never', String(k.never), String(k.n)]]) }),
  });
}
