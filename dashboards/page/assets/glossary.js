// What does a word mean? The first time that a section uses a term of the glossary it says so on hover, focus and tap.

const UNMARKED = 'a, button, label, select, summary, svg, code, bdi, kbd, td, caption, figure, noscript, dialog, h1, th, dl, header, footer, .fine, .token, .plot, .plot-tools, .astable, .state, .word, .stamp, .badge, .kind, .role, .pairbox, .reading, .chips, .counts, #glossary, #tip, [aria-hidden]';
let terms = null; // {pattern, of: form → id, only: id → ids of sections}

function readGlossary() {
  const of = new Map(), only = new Map();
  for (const entry of document.querySelectorAll('#glossary dt')) {
    for (const form of JSON.parse(entry.dataset.forms)) of.set(form, entry.dataset.term);
    only.set(entry.dataset.term, JSON.parse(entry.dataset.in));
  }
  const forms = [...of.keys()].sort((a, b) => b.length - a.length).map((form) => form.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  terms = { of, only, pattern: new RegExp(`(?<![\\p{L}\\d_-])(${forms.join('|')})(?![\\p{L}\\d_-])`, 'giu') };
}

/** Makes buttons of the first mention of every term in a section; what is marked already stays. */
function markTerms(section) {
  const seen = new Set([...section.querySelectorAll('.term')].map((term) => term.dataset.term));
  const walker = document.createTreeWalker(section, NodeFilter.SHOW_TEXT, { acceptNode: (node) => (node.data.trim() && !node.parentElement.closest(UNMARKED) ? NodeFilter.FILTER_ACCEPT : NodeFilter.FILTER_REJECT) });
  const texts = [];
  while (walker.nextNode()) texts.push(walker.currentNode);
  for (const node of texts) {
    const parts = [];
    let from = 0;
    for (const found of node.data.matchAll(terms.pattern)) {
      const id = terms.of.get(found[0].toLowerCase());
      const places = terms.only.get(id);
      if (seen.has(id) || (places.length && !places.includes(section.id || 'verdict'))) continue;
      seen.add(id);
      const end = found.index + found[0].length;
      const mark = h('button', { type: 'button', class: 'term', 'data-term': id, 'aria-describedby': `term-${id}` }, found[0]);
      // A line may break behind a button: what closes the word stays with it.
      const [closing] = /^[,.;:)’]*/.exec(node.data.slice(end));
      parts.push(node.data.slice(from, found.index), closing ? h('span', { class: 'nobreak' }, mark, closing) : mark);
      from = end + closing.length;
    }
    if (parts.length) node.replaceWith(...parts, node.data.slice(from));
  }
}

function markAllTerms() {
  if (terms === null) readGlossary();
  for (const section of document.querySelectorAll('main > section')) if (section.id !== 'glossary') markTerms(section);
}

function showTip(term) {
  const tip = $('tip');
  const entry = $(`term-${term.dataset.term}`);
  tip.replaceChildren(h('b', {}, entry.previousElementSibling.textContent), ` ${entry.textContent}`);
  tip.hidden = false;
  const at = term.getBoundingClientRect(), size = tip.getBoundingClientRect();
  const above = at.bottom + size.height + 12 > window.innerHeight;
  tip.style.left = `${Math.max(8, Math.min(at.left, document.documentElement.clientWidth - size.width - 8))}px`;
  tip.style.top = `${above ? at.top - size.height - 4 : at.bottom + 4}px`;
}

/** Hover, focus and tap show it; Escape, leaving and scrolling take it away; the pointer may rest on it. */
function attachGlossary() {
  const tip = $('tip');
  const hide = () => { tip.hidden = true; };
  const termOf = (event) => (event.target.closest ? event.target.closest('.term') : null);
  for (const kind of ['pointerover', 'focusin', 'click']) document.addEventListener(kind, (event) => { const term = termOf(event); if (term) showTip(term); });
  document.addEventListener('pointerout', (event) => {
    const to = event.relatedTarget;
    const stays = to && to.closest && (to.closest('#tip') || to.closest('.term'));
    if ((termOf(event) || tip.contains(event.target)) && !stays) hide();
  });
  document.addEventListener('focusout', (event) => { if (termOf(event)) hide(); });
  document.addEventListener('keydown', (event) => { if (event.key === 'Escape') hide(); });
  window.addEventListener('scroll', hide, { passive: true });
}
