// Which view is drawn anew when something changes, and what do the tools in the bar do? For every page with several views.

let queue = Promise.resolve();

function failed(error) { console.error(error); notice(`This view could not be drawn: ${error.message}`); }

/** views: {name: {keys: hash keys that it depends on, run(): draws it}}; one after the other, in the order of the page. */
function redrawOnChange(views) {
  onChange((changed) => {
    $('axis').value = state.axis;
    for (const view of Object.values(views)) {
      if (view.keys.some((k) => changed.has(k))) queue = queue.then(view.run).catch(failed);
    }
  });
}

async function drawAll(views) {
  for (const view of Object.values(views)) {
    try { await view.run(); } catch (error) { failed(error); }
  }
}

function attachTools() {
  $('theme').addEventListener('click', toggleTheme);
  $('copylink').addEventListener('click', copyLink);
  $('print').addEventListener('click', () => window.print());
  for (const button of document.querySelectorAll('[data-copy]')) button.addEventListener('click', () => copyText($(button.dataset.copy).textContent, 'Copied.'));
}
