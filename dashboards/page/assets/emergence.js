// From which stream on is each item's answer the likeliest token, and how many items never get there?

/** A bar is chosen: its items are the ones of its kind that settle there; the last bar holds those that never do. */
function chooseBar(trace, { row }) {
  const last = trace.x.length - 1;
  const same = state.settled === (row === last ? 'never' : String(row)) && state.ikind === trace.meta.kind;
  update(same ? { settled: '', ikind: '' } : { settled: row === last ? 'never' : String(row), ikind: trace.meta.kind });
}

async function renderEmergence() {
  const host = $('emergence-panel');
  const e = VIEW.emergence;
  if (e.state !== 'ok') {
    const title = e.state === 'not_run' ? 'Emergence: not run' : 'Emergence: no items';
    drawState('emergence', host, stateBox(e.state, title, e.text || say('no_emergence')));
    return;
  }
  $('emergence-caption').textContent = say('emergence', { name: e.name, definition: e.definition });
  await draw('emergence', host, { ...figureFor('emergence', 'kinds', host), choose: chooseBar });
}
