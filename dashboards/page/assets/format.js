// How are numbers and foreign texts written? Everything that reaches the page goes through here.

/** A sentence of dashboards/sentences/page_scripts.py with its values put in. */
function say(key, values = {}) { return SENTENCES[key].replace(/\{(\w+)\}/g, (_, name) => values[name]); }

/** What a list of names there calls one of its own; null for any other, whatever a stranger called it. */
function named(list, name) { return Object.hasOwn(NAMES[list], name) ? NAMES[list][name] : null; }

const NBSP = ' ';

/** A decimal number with a true minus sign, none before a zero; an en dash for null. */
function num(value, digits = 2) {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  const text = Math.abs(value) >= 1000 ? Math.round(value).toLocaleString('en').replace(/,/g, ' ') : value.toFixed(digits);
  return Number(text) === 0 ? text.replace('-', '') : text.replace('-', '−');
}

/** A probability: three decimals, and "<0.001" instead of a zero that is none. */
function prob(p) {
  return p > 0 && p < 0.0005 ? '<0.001' : p.toFixed(3);
}

const SYMBOLS = { '\n': '⏎', '\t': '⇥' };
const HIDDEN = /[\u0000-\u001f\u007f-\u009f\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]/u;

const BLANK = /^[\s\x1c-\x1f\x85\p{Cf}]+$/u;

/** Text with nothing invisible in it: same rules as `visible` in dashboards/visible_text.py. */
function visible(text) {
  if (text === '') return '∅';
  const inner = text.replace(/^ +| +$/g, '');
  if (inner === '') return '␣'.repeat(text.length);
  const lead = text.length - text.replace(/^ +/, '').length;
  const tail = text.length - text.replace(/ +$/, '').length;
  const blank = BLANK.test(inner);
  const body = Array.from(inner, (c) => {
    if (blank && c === ' ') return '␣';
    if (!blank && !HIDDEN.test(c)) return c;
    const code = c.codePointAt(0);
    if (SYMBOLS[c]) return SYMBOLS[c];
    const hex = code.toString(16).toUpperCase();
    return code < 0xa0 ? `\\x${hex.padStart(2, '0')}` : `⟨U+${hex.padStart(4, '0')}⟩`;
  }).join('');
  return '␣'.repeat(lead) + body + '␣'.repeat(tail);
}

/**
 * Plotly reads `<b>`, `&amp;` and the like in its texts; this takes the meaning out of them.
 * What is invisible becomes visible: a picture that holds a control character can't be saved as PNG.
 */
function plotText(text) {
  return text && visible(text).replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
}

function clip(text, length) {
  const letters = Array.from(text);
  return letters.length > length ? letters.slice(0, Math.max(1, length - 1)).join('') + '…' : text;
}

function unique(values) { return [...new Set(values)].filter((v) => v !== null && v !== undefined); }

/** An element: h('p', {class: 'x'}, 'text', child). Text is always text, never HTML. */
function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  for (const child of children.flat()) {
    if (child !== null && child !== undefined) element.append(child);
  }
  return element;
}

function tokenElement(text) {
  return h('bdi', { class: 'token' }, visible(text));
}

const $ = (id) => document.getElementById(id);

/** Fills a select; entries are {value, text, disabled}. */
function fillSelect(select, entries, value) {
  select.replaceChildren(...entries.map((e) => h('option', { value: e.value, disabled: e.disabled || null }, e.text)));
  select.value = value;
  const label = select.closest('label');
  if (label) label.hidden = entries.length < 2;
}

let noticeTimer = 0;
/** One sentence at the foot of the window, read out by screen readers. */
function notice(text) {
  const box = $('notice');
  box.textContent = text;
  box.hidden = false;
  clearTimeout(noticeTimer);
  noticeTimer = setTimeout(() => { box.hidden = true; }, 4000);
}

/** A sentence of ours whose `words` of a command are set as code. */
function coded(text) {
  return typeof text === 'string' ? text.split('`').map((part, at) => (at % 2 ? h('code', {}, part) : part)) : text;
}

function stateBox(state, title, text, button) {
  const kind = { not_run: 'notrun', empty: 'empty', incomparable: 'incomparable' }[state];
  return h('div', { class: `state state-${kind}`, 'data-state': state }, h('b', {}, title), h('div', {}, coded(text)), button || null);
}
