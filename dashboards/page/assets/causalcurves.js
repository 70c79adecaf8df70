// Which of an intervention's figures do the lists stand for, and what is said above it?

const BOTH = 'spans+last';

function causalMeta(instrument, measure) { return VIEW.causal.meta[choiceName(instrument, measure)]; }

/** Whether a line is of the kinds, or of the family, that are shown. */
function isShown(line) { return line.family === null ? shownKinds(state.kind).includes(line.kind) : ofFamily(line.family) === state.kind; }

/** Selects for an intervention: its measures, then the sites and positions that this measure has. */
function causalControls() {
  const all = VIEW.causal.lines.filter((s) => s.instrument === state.inst);
  const offered = VIEW.labels.instruments[state.inst].measures;
  if (offered.length && !offered.includes(state.measure)) state.measure = offered[0];
  fillSelect($('measure'), offered.map((m) => ({ value: m, text: causalMeta(state.inst, m).label })), state.measure);
  const mine = all.filter((s) => s.measure === state.measure && isShown(s));
  const here = mine.length ? mine : all.filter((s) => s.measure === state.measure);
  const sites = Object.keys(VIEW.causal.components).filter((c) => here.some((s) => s.component === c));
  if (sites.length && !sites.includes(state.site)) state.site = sites.includes(defaults.site) ? defaults.site : sites[0];
  fillSelect($('site'), sites.map((c) => ({ value: c, text: VIEW.causal.components[c] })), state.site);
  const order = unique(VIEW.causal.groups.flatMap((g) => g.positions));
  const positions = unique(here.filter((s) => !sites.length || s.component === state.site).map((s) => s.position)).sort((a, b) => order.indexOf(a) - order.indexOf(b));
  if (positions.includes('spans') && positions.includes('last')) positions.unshift(BOTH);
  if (positions.length && !positions.includes(state.at)) state.at = positions.includes(defaults.at) ? defaults.at : positions[0];
  fillSelect($('at'), positions.map((p) => ({ value: p, text: positionText(p) })), state.at);
  fillSelect($('target'), [], '');
  fillSelect($('scheme'), [], '');
}

function positionText(p) { return named('positions', p) || visible(p); }

function causalCaption() {
  const instrument = VIEW.labels.instruments[state.inst];
  const more = { patching: say('of_patching'), ablation: say('of_ablation') }[state.inst];
  return say('curves_by_block', { instrument: instrument.label, says: instrument.says, more });
}
