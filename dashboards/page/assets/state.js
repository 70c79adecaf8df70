// What is the reader looking at? Kept in the URL hash: ids and names only, defaults excluded, junk ignored.

const state = {};
const defaults = {};
const checks = {};
const listeners = [];
let hashTimer = 0;

/** Declares a hash key with its default and a check that returns a valid value or undefined. */
function declare(key, fallback, check) {
  defaults[key] = fallback;
  checks[key] = check;
  state[key] = fallback;
}

const oneOf = (...values) => (v) => (values.includes(v) ? v : undefined);
const within = (low, high) => (v) => {
  const n = Number(v);
  return v !== '' && v !== null && Number.isInteger(n) ? Math.min(high, Math.max(low, n)) : undefined;
};

function readHash() {
  const parameters = new URLSearchParams(location.hash.slice(1));
  for (const key of Object.keys(defaults)) {
    const raw = parameters.get(key);
    const value = raw === null ? undefined : checks[key](raw);
    state[key] = value === undefined ? defaults[key] : value;
  }
  return parameters;
}

function hashText() {
  const parameters = new URLSearchParams();
  for (const key of Object.keys(defaults)) {
    if (state[key] !== defaults[key] && state[key] !== null && state[key] !== '') parameters.set(key, state[key]);
  }
  return parameters.toString();
}

function writeHash() {
  clearTimeout(hashTimer);
  hashTimer = setTimeout(() => {
    const text = hashText();
    if (text !== location.hash.slice(1)) history.replaceState(null, '', text ? `#${text}` : location.pathname + location.search);
  }, 120);
}

/** Changes some keys and tells everyone which ones really changed. */
function update(changes) {
  const changed = Object.keys(changes).filter((k) => state[k] !== changes[k]);
  Object.assign(state, changes);
  writeHash();
  if (changed.length) tell(new Set(changed));
}

function onChange(listener) { listeners.push(listener); }
function tell(changed) { for (const listener of listeners) listener(changed); }

window.addEventListener('hashchange', () => {
  // A link to a part of the page: the browser goes there, and the state stands in the address again.
  if (document.getElementById(location.hash.slice(1))) { writeHash(); return; }
  const before = { ...state };
  readHash();
  const changed = new Set(Object.keys(state).filter((k) => state[k] !== before[k]));
  if (changed.has('theme')) applyTheme();
  if (changed.size) tell(changed);
  // Who follows a link to an item wants to see it.
  if (changed.has('item') && state.item && document.getElementById('lens')) document.getElementById('lens').scrollIntoView({ block: 'start' });
});

// Theme: hash first, then what was chosen last, then the system.
function systemTheme() { return matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'; }
function storedTheme() {
  try { return oneOf('light', 'dark')(localStorage.getItem('strata.theme')) || ''; } catch { return ''; }
}
function theme() { return state.theme || storedTheme() || systemTheme(); }
function applyTheme() {
  document.documentElement.dataset.theme = theme();
}
function toggleTheme() {
  const next = theme() === 'dark' ? 'light' : 'dark';
  try { localStorage.setItem('strata.theme', next); } catch { /* private mode: the hash still carries it */ }
  state.theme = next;
  applyTheme();
  writeHash();
  tell(new Set(['theme']));
}

/** Rejects where the browser neither writes nor refuses: a question for leave that nobody answers stays open for ever. */
function writeClipboard(text) {
  const unanswered = new Promise((_, reject) => { setTimeout(() => reject(new Error('no answer')), 1000); });
  return Promise.race([navigator.clipboard.writeText(text), unanswered]);
}

async function copyText(text, said) {
  let copied = true;
  try {
    await writeClipboard(text);
  } catch {
    const before = document.activeElement;
    const area = h('textarea', { style: 'position:fixed;opacity:0' });
    area.value = text;
    document.body.append(area);
    area.select();
    copied = document.execCommand('copy');
    area.remove();
    if (before) before.focus(); // who has begun to type elsewhere goes on there
  }
  notice(copied ? said : say('not_copied'));
}

function copyLink() {
  const text = hashText();
  return copyText(location.href.split('#')[0] + (text ? `#${text}` : ''), say('link_copied'));
}
