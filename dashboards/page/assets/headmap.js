// Which attention heads carry a family's answer? The figures come from Python; a head that is chosen ranks the items by its block.

function headMaps() { return VIEW.localisation.head_maps || []; }

function chooseHead(trace, { row }) {
  const { cells, blocks, of } = trace.meta || {};
  if (!of) return;
  update({ lo: blocks[row], hi: blocks[row], ...(offersCell(cells[row]) ? { cell: cells[row] } : {}), ...panelItems(of) });
}

async function renderHeads() {
  const host = $('heads-panel');
  if (!host) return;
  const maps = headMaps();
  fillSelect($('hfamily'), maps.map((m) => ({ value: m.family, text: `${clip(visible(m.family), 40)} (${m.kind}), n ${m.pairs}` })), state.hfamily);
  if (!maps.length) {
    drawState('heads', host, stateBox('not_run', say('not_run', { what: say('attention_heads') }), say('no_heads')));
    return;
  }
  const figure = figureFor('heads', state.hfamily, host);
  await draw('heads', host, { ...figure, choose: VIEW.effects.cells.length ? chooseHead : undefined });
}
