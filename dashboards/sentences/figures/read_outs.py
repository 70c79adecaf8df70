"""Words in figures of what can be read: curves of probes and lenses, emergence, confusion, lens maps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from strata.dashboards.number_formats import number
from strata.dashboards.sentences.figures.positions import place_words
from strata.dashboards.visible_text import visible

LOG_SCALE = "log scale"
NEVER = "never"
EMERGENCE_NOTE = "Counts of items; no item is excluded."
EMERGENCE_HINT = "Choose a bar to list its items below."
PREDICTED = "predicted"
CONFUSION_HEAD = ("true label", PREDICTED, "items", "share of the row")
CONFUSION_HINT = "Click the figure above to choose another one."
BY_CHANCE = "95 % of the best streams on shuffled labels lie below"
SHUFFLED_NOTE = (
    "Shuffled labels fall below chance where clusters are few: a label that a fold has more of is rarer in its training items. "
    "Grey: central 95 % of shuffles."
)
_SHARE = "share of held-out items"


@dataclass(frozen=True)
class ProbeLine:
    """A measure of a probe: the line that is drawn of it, and its words."""

    text: str
    line: str
    """Its name in the view."""
    name: str
    controls: tuple[str, ...]
    """Lines that it is held against."""
    unit: str
    share: bool
    """Between 0 and 1."""


PROBE_LINES: Mapping[str, ProbeLine] = {
    "accuracy": ProbeLine("accuracy", "accuracy", "probe", ("majority", "embedding", "random_init"), _SHARE, True),
    "template": ProbeLine("held-out templates", "template_accuracy", "probe on held-out templates", ("control_accuracy", "majority"), _SHARE, True),
    "null": ProbeLine("against shuffled labels", "unshuffled", "true labels, on folds that know no labels", ("shuffled",), _SHARE, True),
    "selectivity": ProbeLine("selectivity", "selectivity", "accuracy − control task", (), "difference of shares", False),
    "log_loss": ProbeLine("log-loss", "log_loss", "probe", (), "nats per held-out item", False),
}  # fmt: skip
PROBE_CONTROLS: Mapping[str, str] = {
    "majority": "majority",
    "shuffled": "shuffled labels, mean",
    "embedding": "embedding alone",
    "random_init": "random weights",
    "control_accuracy": "control task",
}


@dataclass(frozen=True)
class Metric:
    """What a cell of a lens map is coloured by."""

    label: str
    unit: str
    kind: Literal["p", "rank", "nats"]
    """Probabilities run from 0 to 1; of ranks and nats less is closer to the answer, and so bright."""


METRICS: Mapping[str, Metric] = {
    "top1": Metric("P(top-1)", "probability of the most probable token", "p"),
    "answer": Metric("P(answer)", "probability of the answer", "p"),
    "rank": Metric("Rank of the answer", "rank, log scale", "rank"),
    "entropy": Metric("Entropy", "nats", "nats"),
    "kl": Metric("KL to the final stream", "nats", "nats"),
}
TOKEN_POSITION, TOKEN_READ, PROBABILITY = "token position", "token read", "probability"
STREAM_FROM_EMBEDDING = "stream (0: embedding)"
LENS_NOTE = "Brighter is surer or closer to the answer; the text is the most probable token. Table and CSV: the crosshair’s position."
LINES_TITLE = "Tokens at a position"


def reading_words(position: str, target: str | None, folds: str | None) -> str:
    """`at last, target answer, cluster folds`."""
    of = [*([f"target {target}"] if target else []), *([f"{folds} folds"] if folds else [])]
    return ", ".join([place_words(position), *of])


def measure_axis(label: str, unit: str) -> str:
    """`accuracy (share of items)`."""
    return f"{label} ({unit})"


def onset_mark(group: str, layer: int) -> str:
    """Beside the line that marks an onset."""
    return f"onset, {group}: {layer}"


def best_mark(stream: int) -> str:
    """Beside the line that marks the best stream."""
    return f"best: {stream}"


def rise_mark(stream: int) -> str:
    """Beside the line that marks the first stream above every control."""
    return f"above its controls from {stream}"


def probe_title(measure: ProbeLine) -> str:
    """Of a figure of a probe."""
    return f"{measure.text} by stream"


def probe_aria(measure: ProbeLine, position: str, values: Iterable[tuple[int, float | None]]) -> str:
    """A line of a probe as a sentence, at some of its streams."""
    told = ", ".join(f"stream {stream} {number(value)}" for stream, value in values)
    return f"{measure.text} at {visible(position)}, by stream: {told}"


def confusion_cell(true: str, said: str, items: int, share: float) -> str:
    """At a cell."""
    return f"{true} taken for {said}: {items} items, {share:.0%} of the row"


def confusion_title(stream: int) -> str:
    """Of the labels taken for each other."""
    return f"Confusion at stream {stream}"


def confusion_note(stream: int) -> str:
    """Beneath it."""
    return f"Stream {stream}."


def confusion_aria(stream: int, right: int, items: int) -> str:
    """The same as a sentence."""
    return f"At stream {stream} {right} of {items} items are named rightly."


def emergence_title(name: str) -> str:
    """`name`: what an answer is there, as `the likeliest token`."""
    return f"Stream at which the answer is {name}"


def emergence_axis(axis: str) -> str:
    """Of streams, or of depth."""
    return f"{axis} from which the answer stays the likeliest token"


def emergence_bar(where: str, items: float, n: int, kind: str) -> str:
    """At a bar."""
    return f"{where}: {items} of {n} {kind} items"


def emergence_aria(kind: str, n: int, never: int, name: str, counts: Sequence[float]) -> str:
    """A kind's bars as a sentence. `counts`: items by stream."""
    where = ", ".join(f"{number(count, 0)} at stream {stream}" for stream, count in enumerate(counts) if count)
    return f"{kind}: {n} items, {never} never {name}, {where}"


def lens_map_title(item: str, metric: Metric) -> str:
    """Of the map of one prompt."""
    return f"{visible(item)}: {metric.label}"


def lens_map_aria(item: str, n_tokens: int, likeliest: str, probability: float) -> str:
    """The same as a sentence; `likeliest`: what the last stream says after the last token."""
    return (
        f"Lens map of {item}: {n_tokens} tokens. "
        f"After the last one the last stream says {visible(likeliest)} with probability {number(probability)}."
    )


def after_token(token: str) -> str:
    """At a cell of a lens map."""
    return f"after {token}"


def answer_rank(answer: str, rank: int) -> str:
    """At a cell of a lens map."""
    return f"answer {answer}: rank {rank:,}"
