// Where on the way from input to answer is the answer made? The figures come from Python; here they are chosen and recoloured.

/** The figure's values with the colours of the theme: figures are made in the light one. */
function recoloured(value, colours) {
  if (typeof value === 'string') return colours.get(value) || value;
  if (Array.isArray(value)) return value.map((inner) => recoloured(inner, colours));
  if (value !== null && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, recoloured(inner, colours)]));
  return value;
}

/** The maps of one model's run, or those of a comparison's models. */
function stageMaps() { return VIEW.localisation || VIEW.stages; }

function stageColours() {
  const { light, [theme()]: chosen } = stageMaps().palettes;
  return new Map(Object.keys(light).flatMap((name) => [light[name]].flat().map((c, i) => [c, [chosen[name]].flat()[i]])));
}

/** Every gain by panel, cell and block: what the colours show. */
function stageRows(figure) {
  return figure.data.filter((t) => t.type === 'heatmap').flatMap((trace) => trace.meta.cells.flatMap((cell, row) => (cell === null ? []
    : trace.customdata[row].map((gain, block) => [trace.meta.panel, cell, String(block), VIEW.axes.block.depth[block], gain, trace.meta.effects[row]]))));
}

async function renderStages() {
  const part = stageMaps();
  const host = $('stages-panel');
  if (!host) return;
  if (part.state !== 'ok') {
    fillSelect($('stage'), [], '');
    drawState('stages', host, stateBox(part.state, part.state === 'incomparable' ? 'Stage maps: not comparable' : 'Stage map: not run', part.text));
    return;
  }
  const choice = part.choices.find((c) => c.id === state.stage) || part.choices[0];
  fillSelect($('stage'), part.choices.map((c) => ({ value: c.id, text: clip(visible(c.text), 44) })), choice.id);
  const figure = (part.wide && host.clientWidth >= part.wide_from ? part.wide : part.figures)[choice.id];
  const { data, layout } = recoloured(figure, stageColours());
  await draw('stages', host, {
    traces: data, layout, aria: choice.aria, title: `Stage map: ${choice.text}`, paper: { ...part.figures[choice.id], width: 760 }, note: 'Point at a block for its numbers. One colour scale for all maps of this run; its steps are square roots.',
    table: () => ({ head: ['panel', 'part of the model', 'block', 'depth', 'effect gained', 'effect of the whole row'], rows: stageRows(figure) }),
  });
}

/** A family's name in the table below opens its map and leaves the rest of the view as it is. */
function attachStages() {
  for (const link of document.querySelectorAll('[data-stage]')) {
    link.addEventListener('click', (event) => {
      event.preventDefault();
      update({ stage: link.dataset.stage });
      $('stages').scrollIntoView({ block: 'start' });
    });
  }
}
