// Which families show something at which layer? The figures come from Python; a cell that is chosen filters the items by its family.

function chosenMap() { return VIEW.maps.find((m) => m.id === state.map) || VIEW.maps[0]; }

/** The rows of other families than the chosen one are dimmed, and its name has a mark. */
function withFamily(figure) {
  if (state.family === '') return figure;
  const [{ customdata, z }, dim] = figure.traces;
  const families = customdata.map((row) => row[0]);
  dim.z = dim.z.map((row, i) => (families[i] === state.family ? row : z[i].map((v) => (v === null ? null : 1))));
  figure.layout.yaxis.ticktext = figure.layout.yaxis.ticktext.map((t, i) => (families[i] === state.family ? `▸ ${t}` : t));
  return figure;
}

function chooseFamily(trace, { row }) {
  const family = trace.customdata && trace.customdata[row][0];
  if (!family) return;
  update({ family: family === state.family ? '' : family, ikind: '' });
}

async function renderMap() {
  const host = $('map-panel');
  if (!VIEW.maps.length) {
    fillSelect($('mapsel'), [], '');
    drawState('map', host, stateBox('not_run', say('not_run', { what: say('family_map') }), say('no_map')));
    return;
  }
  const map = chosenMap();
  fillSelect($('mapsel'), VIEW.maps.map((m) => ({ value: m.id, text: m.title })), map.id);
  $('map-caption').textContent = say('map', { unit: map.unit, caption: map.caption });
  await draw('map', host, { ...withFamily(figureFor('map', map.id, host)), choose: chooseFamily });
}
