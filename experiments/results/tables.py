"""The columns of a run's tables, in one place: whoever writes or reads one of them looks here."""

from __future__ import annotations

import pyarrow as pa

TABLES = ("behaviour", "profiles", "emergence", "probes", "curves", "locations", "windows", "places")
"""What every finished `locate` holds, each as NAME.parquet."""
COMPARISON_TABLES = (
    *(
        "changes",
        "likeness",
        "layer_swaps",
        "generated_layer_swaps",
        "crossed",
        "weights",
        "similarity",
        "contrasts",
        "transfer",
    ),
)
"""The same for `compare`."""
PROBE_TABLES = ("accuracy", "folds", "predictions", "shuffles")
"""The same for `probe`."""
RUN_KEY = b"strata.run"
"""Where a table's metadata say which run wrote it."""
_TEXT, _INT, _FLOAT, _BOOL = pa.string(), pa.int32(), pa.float64(), pa.bool_()


def _schema(**columns: pa.DataType) -> pa.Schema:
    return pa.schema(list(columns.items()))


BEHAVIOUR = _schema(
    item=_TEXT, kind=_TEXT, family=_TEXT, domain=_TEXT, template=_TEXT, cluster=_TEXT, hops=_INT, n_tokens=_INT, n_fed=_INT,
    logit_difference=_FLOAT, answer_logprob=_FLOAT, foil_logprob=_FLOAT, rank=_INT, correct_by_likelihood=_BOOL,
    correct_by_choice=_BOOL, chance_choice=_FLOAT, answered=_BOOL, aligned=_BOOL, reason=_TEXT, answer_token=_TEXT,
    foil_token=_TEXT, next_token=_TEXT,
)  # fmt: skip
"""One row an item: did the model answer it? Excluded items are rows too, with their `reason` and null numbers.

`n_fed`: tokens of the answer that are fed behind the prompt, since answer and foil share them; `last` lies on the last of them.
`next_token`: what the model would say next after the prompt itself; null where a start that answer and foil share stands
behind it.
"""

PROFILES = _schema(
    item=_TEXT, instrument=_TEXT, measure=_TEXT, component=_TEXT, position=_TEXT, layer=_INT, value=_FLOAT
)  # fmt: skip
"""One row an item, instrument, measure, position and stream."""

EMERGENCE = _schema(item=_TEXT, instrument=_TEXT, position=_TEXT, stream=_INT, definition=_TEXT)
"""First stream of lasting readability by item, a row a definition; null: never."""

CURVES = _schema(
    instrument=_TEXT, measure=_TEXT, component=_TEXT, kind=_TEXT, family=_TEXT, target=_TEXT, scheme=_TEXT,
    position=_TEXT, axis=_TEXT, layer=_INT, mean=_FLOAT, low=_FLOAT, high=_FLOAT, n_items=_INT, n_clusters=_INT, method=_TEXT,
)  # fmt: skip
"""Means over items with cluster-bootstrap intervals; family null: all families of the kind."""

PROBES = _schema(
    target=_TEXT, kind=_TEXT, family=_TEXT, scheme=_TEXT, probe=_TEXT, position=_TEXT, layer=_INT, fold=_INT,
    n_train=_INT, n_test=_INT, accuracy=_FLOAT, control_accuracy=_FLOAT, selectivity=_FLOAT, log_loss=_FLOAT,
    majority=_FLOAT, penalty=_FLOAT, code_length_bits=_FLOAT, compression=_FLOAT,
)  # fmt: skip
"""One row a probe target, scheme, position, stream and outer fold."""

LOCATIONS = _schema(
    kind=_TEXT, family=_TEXT, instrument=_TEXT, measure=_TEXT, layer=_INT, axis=_TEXT, depth=_FLOAT, low=_FLOAT,
    high=_FLOAT, p=_FLOAT, q=_FLOAT, n=_INT, method=_TEXT,
)  # fmt: skip
"""Onsets and causal locations; layer null: none. `q` is p after Benjamini-Hochberg over families."""

WINDOWS = _schema(
    kind=_TEXT, family=_TEXT, cell=_TEXT, component=_TEXT, position=_TEXT, first=_INT, last=_INT, effect=_FLOAT,
    low=_FLOAT, high=_FLOAT, denoise=_FLOAT, noise=_FLOAT, install=_FLOAT, n_pairs=_INT, n_clusters=_INT,
)  # fmt: skip
"""Effects of editing blocks `first` to `last` of a cell together, 0: the corrupted run, 1: the clean one. `install`: beyond a
donor with a third answer, null where that was not measured."""

PLACES = _schema(
    kind=_TEXT, family=_TEXT, threshold=_FLOAT, draw=_INT, cell=_TEXT, first=_INT, last=_INT,
)  # fmt: skip
"""Where a family's answer is made, draw of clusters by draw; a draw without a place has no row. `threshold`: slope from which on
a window codes the answer."""

CHANGES = _schema(
    contrast=_TEXT, instrument=_TEXT, measure=_TEXT, component=_TEXT, position=_TEXT, kind=_TEXT, axis=_TEXT, layer=_INT,
    before=_FLOAT, after=_FLOAT, difference=_FLOAT, low=_FLOAT, high=_FLOAT, n_items=_INT, n_clusters=_INT, method=_TEXT,
)  # fmt: skip
"""`compare`: readings of the same items in two models. Contrast: change, control_change, or difference_in_differences."""

LIKENESS = _schema(
    contrast=_TEXT, kind=_TEXT, instrument=_TEXT, measure=_TEXT, component=_TEXT, position=_TEXT, axis=_TEXT,
    between=_FLOAT, ceiling=_FLOAT, n_clusters=_INT, reason=_TEXT,
)  # fmt: skip
"""`compare`: rank correlation of two models' profiles over layers, and the split-half ceiling it is held against."""

LAYER_SWAPS = _schema(
    contrast=_TEXT, direction=_TEXT, sweep=_TEXT, layer=_INT, kind=_TEXT, measure=_TEXT, value=_FLOAT, low=_FLOAT,
    high=_FLOAT, recovery=_FLOAT, recovery_low=_FLOAT, recovery_high=_FLOAT, n_items=_INT, n_clusters=_INT, reason=_TEXT,
    method=_TEXT,
)  # fmt: skip
"""`compare`: scores of the target model with blocks of another one; contrast names the source: distilled, control, random."""

CROSSED = _schema(
    contrast=_TEXT, direction=_TEXT, component=_TEXT, position=_TEXT, kind=_TEXT, layer=_INT, value=_FLOAT, low=_FLOAT,
    high=_FLOAT, n_items=_INT, n_clusters=_INT, reason=_TEXT, method=_TEXT,
)  # fmt: skip
"""`compare`: share of the difference between two models that one contribution of the other brings over; contrast `random`: the
receiver's own contribution moved as far in a random direction."""

WEIGHTS = _schema(
    contrast=_TEXT, block=_INT, matrix=_TEXT, relative_norm=_FLOAT, cosine=_FLOAT, stable_rank=_FLOAT, top_share=_FLOAT,
    n=_INT,
)  # fmt: skip
"""`compare`: change of the weights from the base; block null: outside of the blocks."""

SIMILARITY = _schema(
    contrast=_TEXT, measure=_TEXT, kind=_TEXT, position=_TEXT, dimensions=_TEXT, excluded=_TEXT, stream=_INT, value=_FLOAT,
    low=_FLOAT, high=_FLOAT, share_base=_FLOAT, share_other=_FLOAT, dominant=_TEXT, n_items=_INT, n_clusters=_INT,
    n_appended=_INT, method=_TEXT,
)  # fmt: skip
"""`compare`: debiased CKA and mean cosine of a model's streams with the base's at the same tokens of the prompts as asked.

`dimensions`: `all`, or `trimmed`: without the `dominant` ones, of which null says there are none, and then there is no
`trimmed` row, which would repeat the one of `all`; `share_base` and `share_other` are what the largest dimension holds in each of the models. `excluded`: the family without which it is
measured, null for none. `n_appended`: items that are scored behind a start their answer and foil share, which is not read.
"""

CONTRASTS = _schema(
    model=_TEXT, kind=_TEXT, contrast=_TEXT, dimensions=_TEXT, excluded=_TEXT, stream=_INT, value=_FLOAT, low=_FLOAT,
    high=_FLOAT, share=_FLOAT, dominant=_TEXT, n_items=_INT, n_clusters=_INT, method=_TEXT, reason=_TEXT,
)  # fmt: skip
"""`compare`: how alike a model's streams are behind two instructions, and the excess; stream null: why something is absent.

`dimensions`, `excluded` and `dominant` as in `similarity`; `share`: the most that one dimension holds behind any instruction.
"""

TRANSFER = _schema(
    contrast=_TEXT, kind=_TEXT, family=_TEXT, direction=_TEXT, measure=_TEXT, stream=_INT, value=_FLOAT, low=_FLOAT,
    high=_FLOAT, majority=_FLOAT, n_items=_INT, n_clusters=_INT, n_appended=_INT, reason=_TEXT, method=_TEXT,
)  # fmt: skip
"""`compare`: accuracy of answer probes carried from one model to another."""

ACCURACY = pa.schema(
    {
        "position": _TEXT, "measure": _TEXT, "stream": _INT, "depth": _FLOAT, "mean": _FLOAT, "low": _FLOAT, "high": _FLOAT,
        "n_items": _INT, "n_clusters": _INT, "method": _TEXT,
    }
)  # fmt: skip
"""One row a position, measure and stream. Measures: accuracy, log_loss; the controls majority, embedding,
random_init; shuffled labels, and the true ones on the same folds (unshuffled); on held-out templates template_accuracy, control_accuracy and their difference selectivity."""

FOLDS = pa.schema(
    {
        "position": _TEXT, "stream": _INT, "fold": _INT, "n_train": _INT, "n_test": _INT, "accuracy": _FLOAT,
        "log_loss": _FLOAT, "majority": _FLOAT, "penalty": _FLOAT,
    }
)  # fmt: skip
"""One row a position, stream and outer fold."""

PREDICTIONS = pa.schema(
    {
        "item": _TEXT, "position": _TEXT, "stream": _INT, "fold": _INT, "cluster": _TEXT, "label": _TEXT, "predicted": _TEXT,
        "correct": _BOOL, "log_likelihood": _FLOAT,
    }
)  # fmt: skip
"""One row an item, position and stream: what was predicted while the item was held out."""

SHUFFLES = pa.schema({"position": _TEXT, "shuffle": _INT, "stream": _INT, "accuracy": _FLOAT})
"""One row a position, shuffle and stream: accuracy on shuffled labels; the maximum over streams is one draw of the null."""

PROBE_SCHEMAS = {"accuracy": ACCURACY, "folds": FOLDS, "predictions": PREDICTIONS, "shuffles": SHUFFLES}

ANSWERS = pa.schema(
    [
        (name, pa.string())
        for name in ("model", "prompt", "split", "family", "item", "cluster", "expected", "text", "answer", "reason")
    ]
    + [("difficulty", pa.int32()), ("draw", pa.int32()), ("right", pa.bool_())]
)
"""One row a model, draw, prompt and problem: what was written, which answer was found in it or why none, and whether it is right."""

FACTS = pa.schema(
    [("item", pa.string()), ("family", pa.string()), ("cluster", pa.string()), ("logit_difference", pa.float64())]
)
"""One row a model and knowledge item: logit of the answer less that of its foil."""
