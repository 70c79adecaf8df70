// How do bytes in the page become arrays? base64, gzip, planes; maps outside the page are fetched as scripts.

const VIEW = JSON.parse($('view').textContent);
const VOCABULARY = VIEW.lens_vocabulary;
const decoded = new Map();
const arriving = new Map();

/** The bytes of a gzipped plane; base64 as it stands in a script element. */
async function inflate(base64) {
  const text = atob(base64.trim());
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Response(stream).arrayBuffer();
}

/** Puts the zipped bulk of the interventions back into the view. */
async function unpackCausal() {
  const blob = $('causal-blob');
  if (blob) Object.assign(VIEW.causal, JSON.parse(new TextDecoder().decode(await inflate(blob.textContent))));
}

/** Called by the files in report_assets/: hands over the bytes of one map. */
window.strataLens = (key, base64) => {
  const waiting = arriving.get(key);
  if (waiting) waiting.done(base64);
};

function sideFile(entry) {
  return new Promise((done, failed) => {
    arriving.set(entry.key, { done });
    const src = entry.file.split('/').map(encodeURIComponent).join('/');
    const element = h('script', { src, onerror: () => failed(new Error(say('no_side_file', { file: entry.file }))) });
    document.head.append(element);
  });
}

/** The bytes of an entry that is embedded in an element of this name, or lies beside the page. */
async function lensBytes(entry, name) { return inflate(entry.embedded ? $(name).textContent : await sideFile(entry)); }

/** The planes of one map: {top_ids, top_nlp, entropy, …}, each a typed array; values are index × step. */
async function lensPlanes(entry) {
  if (decoded.has(entry.key)) return decoded.get(entry.key);
  const buffer = entry.part ? entry.buffer : await lensBytes(entry, `lens-blob-${VIEW.lens_index.indexOf(entry)}`);
  const planes = { steps: {} };
  for (const a of entry.arrays) {
    const length = a.shape.reduce((x, y) => x * y, 1);
    planes[a.name] = a.dtype === 'u16' ? new Uint16Array(buffer, a.offset, length) : new Uint8Array(buffer, a.offset, length);
    planes.steps[a.name] = a.step;
  }
  decoded.set(entry.key, planes);
  return planes;
}

let reads = null; // the maps of the read positions: {buffer, prompts, layouts, vocabulary}

/** The maps that all items without a whole one have, read once. Raises where they lie beside the page and can't be loaded. */
async function unpackReads() {
  if (reads) return reads;
  const buffer = await lensBytes({ ...VIEW.lens_read, key: 'read' }, 'lens-read');
  const head = JSON.parse(new TextDecoder().decode(buffer.slice(VIEW.lens_read.head)));
  reads = { ...head, buffer, vocabulary: head.vocabulary.map(([id, text]) => ({ id, text })) };
  return reads;
}

/** What is an entry of the index for a whole map, for the map of a row. texts: {answer, foil} of its item. */
async function readEntry(row, texts) {
  const { buffer, prompts, layouts, vocabulary } = await unpackReads();
  const [item, tokens, ids, at, positions, offset] = prompts[row];
  const arrays = layouts[tokens.length];
  const last = arrays[arrays.length - 1];
  const end = offset + last.offset + last.shape.reduce((x, y) => x * y, 1);
  const where = Object.keys(positions).map(visible).join(', ');
  return {
    key: `read-${row}`, item, tokens, token_ids: ids, at, positions, arrays, vocabulary, ...texts, part: true, buffer: buffer.slice(offset, end), why: '', embedded: true,
    n_streams: VIEW.lens_read.n_streams, n_tokens: tokens.length, top: VIEW.lens_read.top, aria: say('lens_read_aria', { item: visible(item), where }),
  };
}

/** A token of a vocabulary: that of the page, or the one that a map brings along. */
function vocabularyToken(index, entry) {
  const words = entry.vocabulary || VOCABULARY;
  return words[Math.min(index, words.length - 1)] || { id: -1, text: '?' };
}
