// Where does the keyboard stand on a map? Arrow keys go from cell to cell, what a pointer would read stands beneath, Enter is a click.

const STEEP = 4; // how much worse it is to stray from the line of movement than to go far

/** What a figure says at a point, as plain text: its own line breaks and marks taken out. */
function plainText(text) {
  const bare = String(text).replace(/<br>/g, ' · ').replace(/<[^>]*>/g, '');
  return bare.replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&amp;/g, '&');
}

/** One entry a cell of a heat map or a bar: where it lies in the picture, what is read there, and where the crosshair goes. */
function cellsOf(gd) {
  const full = gd._fullLayout;
  const axis = (letter, trace) => full[`${letter}axis${(trace[`${letter}axis`] || letter).slice(1)}`];
  const bars = gd.data.filter((t) => t.type === 'bar').length;
  let bar = 0;
  return gd.data.flatMap((trace, curve) => {
    if (trace.hoverinfo === 'skip') return [];
    const x = axis('x', trace), y = axis('y', trace);
    const at = (a, v) => a._offset + a.d2p(v);
    if (trace.type === 'bar') {
      const shift = ((bar++ - (bars - 1) / 2) * 0.75) / bars;
      const foot = at(y, 0);
      return trace.x.map((value, column) => {
        const middle = at(x, value + shift), top = at(y, trace.y[column]);
        return { curve, row: column, column, line: 0, text: trace.hovertext[column], x: middle, y: foot, box: [middle - 7, Math.min(top, foot) - 2, 14, Math.abs(foot - top) + 4] };
      });
    }
    if (trace.type !== 'heatmap' || !trace.text) return [];
    const edges = (list, i, size) => (list.length > size ? [list[i], list[i + 1]] : [list[i] - 0.5, list[i] + 0.5]);
    return trace.text.flatMap((texts, row) => texts.map((text, column) => {
      if (!text) return null;
      const [x0, x1] = edges(trace.x, column, texts.length).map((v) => at(x, v));
      const [y0, y1] = edges(trace.y, row, trace.text.length).map((v) => at(y, v));
      return { curve, row, column, line: row, text, x: (x0 + x1) / 2, y: (y0 + y1) / 2, box: [Math.min(x0, x1), Math.min(y0, y1), Math.abs(x1 - x0), Math.abs(y1 - y0)] };
    })).filter(Boolean);
  });
}

const WAYS_OF_KEYS = { ArrowLeft: ['x', -1], ArrowRight: ['x', 1], ArrowUp: ['y', -1], ArrowDown: ['y', 1] };

/** The nearest cell in a direction; of two maps that lie over each other the upper one. */
function nextCell(cells, from, key) {
  const [along, sign] = WAYS_OF_KEYS[key];
  const across = along === 'x' ? 'y' : 'x';
  const ahead = cells.filter((c) => (c[along] - from[along]) * sign > 0.5);
  const far = (c) => (c[along] - from[along]) * sign + STEEP * Math.abs(c[across] - from[across]);
  return ahead.reduce((best, c) => (best === null || far(c) <= far(best) ? c : best), null) || from;
}

function endOfRow(cells, from, key) {
  const row = cells.filter((c) => c.curve === from.curve && c.line === from.line);
  return key === 'Home' ? row[0] : row[row.length - 1];
}

/** Makes a drawn plot answer to keys; called when its frame is made. The spec's `choose` is what a click and Enter do. */
function attachCursor(name, plot) {
  const { gd, keys, says } = plot;
  const cross = h('div', { class: 'cross cross-cell', 'aria-hidden': 'true' });
  let place = null;
  const current = (cells) => cells.find((c) => place && c.curve === place.curve && c.row === place.row && c.column === place.column) || cells[0];
  const show = (cell) => {
    place = cell;
    if (!gd.contains(cross)) gd.append(cross);
    const [left, top, width, height] = cell.box.map((v) => `${v}px`);
    Object.assign(cross.style, { display: 'block', left, top, width, height });
    says.hidden = false;
    says.textContent = plainText(cell.text);
  };
  keys.addEventListener('focus', () => { const cells = cellsOf(gd); if (cells.length && keys.matches(':focus-visible')) show(current(cells)); });
  keys.addEventListener('blur', () => { cross.style.display = 'none'; says.hidden = true; });
  keys.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const cells = cellsOf(gd);
    if (!cells.length) return;
    const here = current(cells);
    if (WAYS_OF_KEYS[event.key]) show(place === null || cross.style.display === 'none' ? here : nextCell(cells, here, event.key));
    else if (event.key === 'Home' || event.key === 'End') show(endOfRow(cells, here, event.key));
    else if (event.key === 'Enter' && plots.get(name).spec.choose) plots.get(name).spec.choose(gd.data[here.curve], here);
    else return;
    event.preventDefault();
  });
}
