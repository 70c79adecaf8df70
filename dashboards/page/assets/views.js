// Which view is drawn anew when something changes, and what do the tools in the bar do? For every page with several views.

let queue = Promise.resolve();
let drawing = 0;

function failed(error) { console.error(error); notice(say('not_drawn', { error: error.message })); }

/** One after the other; meanwhile the page says that it is busy. */
function enqueue(run) {
  drawing += 1;
  $('main').setAttribute('aria-busy', 'true');
  queue = queue.then(run).catch(failed).then(() => {
    drawing -= 1;
    if (drawing) return;
    markAllTerms();
    $('main').removeAttribute('aria-busy');
  });
}

/** views: {name: {keys: hash keys that it depends on, run(): draws it}}, in the order of the page. */
function redrawOnChange(views) {
  onChange((changed) => {
    $('axis').value = state.axis;
    for (const view of Object.values(views)) if (view.keys.some((k) => changed.has(k))) enqueue(view.run);
  });
}

async function drawAll(views) {
  for (const view of Object.values(views)) {
    try { await view.run(); } catch (error) { failed(error); }
  }
  attachGlossary();
  markAllTerms();
}

function attachTools() {
  $('theme').addEventListener('click', toggleTheme);
  $('copylink').addEventListener('click', copyLink);
  $('print').addEventListener('click', () => window.print());
  for (const button of document.querySelectorAll('[data-copy]')) button.addEventListener('click', () => copyText($(button.dataset.copy).textContent, 'Copied.'));
}
