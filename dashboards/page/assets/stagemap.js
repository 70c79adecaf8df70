// Where on the way from input to answer is the answer made? The figures come from Python; here they are chosen, brushed and clicked.

/** The maps of one model's run, or those of a comparison's models. */
function stageMaps() { return VIEW.localisation || VIEW.stages; }

async function renderStages() {
  const part = stageMaps();
  const host = $('stages-panel');
  if (!host) return;
  if (part.state !== 'ok') {
    fillSelect($('stage'), [], '');
    drawState('stages', host, stateBox(part.state, part.state === 'incomparable' ? say('not_comparable', { what: say('stage_maps') }) : say('not_run', { what: say('stage_map') }), part.text));
    return;
  }
  const choice = part.choices.find((c) => c.id === state.stage) || part.choices[0];
  fillSelect($('stage'), part.choices.map((c) => ({ value: c.id, text: clip(visible(c.text), 44) })), choice.id);
  const figure = figureFor('stages', choice.id, host);
  await draw('stages', host, { ...brushable('stages', figure), choose: VIEW.effects.cells.length ? chooseCell : undefined, paper: () => ({ ...figure.paper(), width: 760 }) }); // the style shrinks it
}

/** A family's name in a table opens its map, filters the items by it and leaves the rest of the view as it is. */
function attachStages() {
  for (const link of document.querySelectorAll('[data-stage]')) {
    link.addEventListener('click', (event) => {
      event.preventDefault();
      const family = link.dataset.stage.replace(/^family:/, '');
      const heads = hasFigure('heads', family) ? { hfamily: family } : {};
      update({ stage: link.dataset.stage, ...heads, ...panelItems({ family }) });
      $('stages').scrollIntoView({ block: 'start' });
    });
  }
}
