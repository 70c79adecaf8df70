// From which stream on is each item's answer the likeliest token, and how many items never get there?

async function renderEmergence() {
  const host = $('emergence-panel');
  const e = VIEW.emergence;
  if (e.state !== 'ok') {
    const title = e.state === 'not_run' ? 'Emergence: not run' : 'Emergence: no items';
    drawState('emergence', host, stateBox(e.state, title, e.text || '0 items have an emergence depth.'));
    return;
  }
  $('emergence-caption').textContent = `Logit lens, one bar a stream: items by the stream at which the answer is ${e.name}, the ${e.definition}. All items that were asked, also those answered wrong, each counted once. Items that never get there stand apart on the right; they are not counted as the last stream. “Readable from” in the verdict asks for less: an answer likelier than an unrelated one.`;
  await draw('emergence', host, figureFor('emergence', 'kinds', host));
}
