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

/** The planes of one map: {top_ids, top_nlp, entropy, …}, each a typed array; values are index × step. */
async function lensPlanes(entry) {
  if (decoded.has(entry.key)) return decoded.get(entry.key);
  const at = VIEW.lens_index.indexOf(entry);
  const base64 = entry.embedded ? $(`lens-blob-${at}`).textContent : await sideFile(entry);
  const buffer = await inflate(base64);
  const planes = { steps: {} };
  for (const a of entry.arrays) {
    const length = a.shape.reduce((x, y) => x * y, 1);
    planes[a.name] = a.dtype === 'u16' ? new Uint16Array(buffer, a.offset, length) : new Uint8Array(buffer, a.offset, length);
    planes.steps[a.name] = a.step;
  }
  decoded.set(entry.key, planes);
  return planes;
}

/** Text of a vocabulary index. */
function vocabularyText(index) {
  const token = VOCABULARY[Math.min(index, VOCABULARY.length - 1)];
  return token ? token.text : '?';
}

function vocabularyId(index) {
  const token = VOCABULARY[Math.min(index, VOCABULARY.length - 1)];
  return token ? token.id : -1;
}
