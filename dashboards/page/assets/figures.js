// Which figure is drawn? All come from Python; here one is chosen, by what is looked at, by the page's width and axis, and coloured.

let FIGURES = null;

/** Reads the figures; parts that several share lie in a pool in which every part stands before those that refer to it. */
async function unpackFigures() {
  const { palettes, from, pool, figures } = JSON.parse(new TextDecoder().decode(await inflate($('figures-blob').textContent)));
  FIGURES = { palettes, from, pool: [], figures };
  for (const part of pool) FIGURES.pool.push(putBack(part));
  // The choices of a view are few names; what each holds is put back when it is drawn.
  for (const [view, choices] of Object.entries(figures)) if ('$' in choices) figures[view] = FIGURES.pool[choices.$];
}

function putBack(part) {
  if (Array.isArray(part)) return part.map(putBack);
  if (part === null || typeof part !== 'object') return part;
  if ('$' in part) return FIGURES.pool[part.$];
  return Object.fromEntries(Object.entries(part).map(([name, inner]) => [name, putBack(inner)]));
}

/** The figure's values with the colours of a theme: figures are made in the light one. A copy, which plotly may change. */
function recoloured(value, colours) {
  if (typeof value === 'string') return colours.get(value) || value;
  if (Array.isArray(value)) return value.map((inner) => recoloured(inner, colours));
  if (value !== null && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, recoloured(inner, colours)]));
  return value;
}

function coloursOf(wanted) {
  const { light, [wanted]: chosen } = FIGURES.palettes;
  return new Map(Object.keys(light).flatMap((name) => [light[name]].flat().map((c, i) => [c, [chosen[name]].flat()[i]])));
}

function tableRows({ head, blocks }) {
  const rows = blocks.flatMap((columns) => {
    const lists = columns.filter(Array.isArray);
    return Array.from({ length: lists.length ? lists[0].length : 1 }, (_, i) => columns.map((c) => (Array.isArray(c) ? c[i] : c)));
  });
  return { head, rows };
}

function titleOf(view, choice) { return putBack(FIGURES.figures[view][choice]).wide.title; }

function choicesOf(view) { return Object.keys(FIGURES.figures[view] || {}); }

/** Whether there is anything to see: a figure may hold the reasons alone. */
function isDrawn(view, choice) { return hasFigure(view, choice) && putBack(FIGURES.figures[view][choice]).wide.data.length > 0; }

function hasFigure(view, choice) { return Boolean((FIGURES.figures[view] || {})[choice]); }

/** What `draw` wants of a figure, at the width that its host has; null where there is none for this choice. */
function figureFor(view, choice, host) {
  if (!hasFigure(view, choice)) return null;
  const widths = putBack(FIGURES.figures[view][choice]);
  const [wide, narrow] = FIGURES.from;
  const layouts = host.clientWidth >= wide ? ['wide'] : host.clientWidth >= narrow ? ['narrow', 'wide'] : ['phone', 'narrow', 'wide'];
  const inTheme = (names, wanted) => {
    const figure = widths[names.find((name) => name in widths)];
    const { data, layout, depth } = recoloured(figure, coloursOf(wanted));
    if (state.axis === 'depth') for (const [name, entries] of Object.entries(depth)) layout[name] = { ...layout[name], ...entries };
    return { data, layout, figure };
  };
  const { data, layout, figure } = inTheme(layouts, theme());
  return {
    traces: data, layout, aria: figure.aria, title: figure.title, note: figure.note, table: () => tableRows(figure.table),
    paper: () => ({ ...inTheme(['narrow', 'wide'], 'print'), width: 650 }),
  };
}
