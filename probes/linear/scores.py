"""How well are my labels decodable at each stream, and better than what? Accuracies, intervals and controls in one result."""

from __future__ import annotations

import html
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

import numpy as np
from jaxtyping import Bool, Float, Int

from strata.probes.errors import StrataError
from strata.probes.html_table import scroll_box
from strata.probes.statistics.bootstrap import DRAWS, Estimate
from strata.probes.statistics.onset import Onset, onset

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class TemplateScores:
    """The same labels on templates that were held out, with the control task (1909.03368)."""

    accuracy: tuple[Estimate, ...]
    """Per stream, on templates that the probe hasn't seen; their clusters it has."""
    control: tuple[Estimate, ...]
    """Accuracy on a random label for each cluster, same folds: what a probe can memorise."""
    selectivity: tuple[Estimate, ...]
    """accuracy − control, paired by item."""


class ScoreRow(TypedDict):
    """One stream of `ProbeScores`; what wasn't measured is None."""

    stream: int
    accuracy: float
    low: float | None
    high: float | None
    log_loss: float
    """Mean over the items, in nats."""
    majority: float
    embedding: float | None
    shuffled: float | None
    """Mean over the shuffles."""
    random_init: float | None
    template_accuracy: float | None
    control_accuracy: float | None
    selectivity: float | None


@dataclass(frozen=True, repr=False)
class ProbeScores:
    """Cross-validated probes of one label at every stream; every kept item is tested exactly once."""

    streams: tuple[int, ...]
    """Number of every stream probed: all of a model's, 0..L, unless fewer were captured."""
    classes: tuple[Hashable, ...]
    """The labels probed, in the order of their codes."""
    kept: Int[np.ndarray, " kept"]
    """Indices into the items given of those probed; every per-item field runs over these."""
    truth: Int[np.ndarray, " kept"]
    """Index into `classes` of every item's label."""
    predicted: Int[np.ndarray, "kept stream"]
    """Index into `classes` predicted while the item was held out."""
    log_likelihood: Float[np.ndarray, "kept stream"]
    """Natural log of the probability given to the true label while held out."""
    clusters: tuple[object, ...]
    """What is kept in one fold and resampled as one, by item."""
    fold: Int[np.ndarray, " kept"]
    """Fold in which an item was tested."""
    penalty: Float[np.ndarray, "stream fold"]
    """λ chosen by inner folds of the training items."""
    accuracy: tuple[Estimate, ...]
    """Per stream, on held-out clusters, with its 95 % interval over clusters."""
    majority_correct: Bool[np.ndarray, " kept"]
    """Whether the most frequent label is right."""
    embedding: Estimate | None
    """Accuracy on stream 0 alone, which knows the last token and no context; None without it."""
    shuffled: Float[np.ndarray, "shuffle stream"]
    """Accuracy on shuffled labels, refitted with every choice repeated, on folds that know no labels."""
    unshuffled: Float[np.ndarray, " stream"] | None
    """Accuracy on the true labels on the folds of the shuffles, which p compares with them; None without shuffles."""
    random_init: tuple[Estimate, ...] | None
    """Accuracy per stream in the same architecture with random weights; None where it wasn't given."""
    random_init_correct: Bool[np.ndarray, "kept stream"] | None
    """The same by item."""
    template: TemplateScores | None
    """Held-out templates and the control task; None where they can't be made."""
    p: float | None
    """Of there being no stream that holds the labels: the choice of the best one is repeated in every shuffle; None without."""
    excluded: Mapping[str, int]
    """Items not probed, counted by reason."""
    notes: tuple[str, ...]
    """What a reader has to know, one sentence each."""

    @property
    def best_stream(self) -> int:
        """The stream of the highest accuracy; of equals the first."""
        return self.streams[self._best]

    @property
    def best(self) -> Estimate:
        """Accuracy at the best stream, with the interval of that stream alone: that it was chosen as the best, only `p` accounts for."""
        return self.accuracy[self._best]

    @property
    def _best(self) -> int:
        return int(np.argmax([estimate.value for estimate in self.accuracy]))

    @property
    def best_by_chance(self) -> Float[np.ndarray, " shuffle"]:
        """What the best stream of each shuffle reached."""
        return self.shuffled.max(1)

    @property
    def correct(self) -> Bool[np.ndarray, "kept stream"]:
        """Whether each item was named rightly while held out."""
        return self.predicted == self.truth[:, None]

    @property
    def majority(self) -> float:
        """Accuracy of always answering the most frequent label."""
        return float(self.majority_correct.mean())

    @property
    def controls(self) -> dict[str, Float[np.ndarray, " kept #stream"]]:
        """What accuracy has to rise above, by name: right or not for every item, at all streams or at each."""
        right: dict[str, np.ndarray] = {"majority": self.majority_correct[:, None].astype(float)}
        if self.embedding is not None:
            right["embedding"] = self.correct[:, :1].astype(float)
        if self.random_init_correct is not None:
            right["random weights"] = self.random_init_correct.astype(float)
        return right

    def onset(self, *, draws: int = DRAWS, seed: int = 0) -> Onset:
        """From which stream on accuracy stands above every control: `.stream` (None: from none), with interval `.low`, `.high`.

        Counted along the streams that were probed. Raises StrataError for too few draws.
        """
        return onset(self.correct.astype(float), list(self.controls.values()), self.clusters, draws=draws, seed=seed)

    def confusion(self, stream: int) -> Int[np.ndarray, "label label"]:
        """Items by true label (rows) and predicted label (columns) at a stream. Raises StrataError for one that wasn't probed."""
        if stream not in self.streams:
            raise StrataError(f"Stream {stream} was not probed", f"Choose among: {', '.join(map(str, self.streams))}")
        n_labels = len(self.classes)
        counts = np.zeros((n_labels, n_labels), dtype=np.int64)
        np.add.at(counts, (self.truth, self.predicted[:, self.streams.index(stream)]), 1)
        return counts

    def rows(self) -> list[ScoreRow]:
        """One row a stream: accuracy with interval, and every control beside it."""
        shuffled = self.shuffled.mean(0) if len(self.shuffled) else None
        return [
            {
                "stream": self.streams[stream],
                "accuracy": estimate.value,
                "low": estimate.low,
                "high": estimate.high,
                "log_loss": float(-self.log_likelihood[:, stream].mean()),
                "majority": self.majority,
                "embedding": None if self.embedding is None else self.embedding.value,
                "shuffled": None if shuffled is None else float(shuffled[stream]),
                "random_init": None if self.random_init is None else self.random_init[stream].value,
                "template_accuracy": None if self.template is None else self.template.accuracy[stream].value,
                "control_accuracy": None if self.template is None else self.template.control[stream].value,
                "selectivity": None if self.template is None else self.template.selectivity[stream].value,
            }
            for stream, estimate in enumerate(self.accuracy)
        ]

    def to_pandas(self) -> pd.DataFrame:
        """`rows` as a data frame."""
        import pandas as pd

        return pd.DataFrame(self.rows())

    def summary(self) -> str:
        """Best stream, its interval and p, and the baselines, in one sentence."""
        best = self.best
        band = "" if best.low is None or best.high is None else f" [{best.low:.2f}, {best.high:.2f}]"
        where = (
            "" if len(self.streams) == 1 else f" at stream {self.best_stream} of {self.streams[0]}–{self.streams[-1]}"
        )
        if band and where:
            where += " (interval of that stream alone; only p accounts for choosing it)"
        p = ", no p (shuffles = 0)"
        if self.p is not None:
            p = f", p = {self.p:.2g} over all streams ({len(self.shuffled)} shuffles)"
        others = [f"majority {self.majority:.2f}"]
        if self.embedding is not None:
            others.append(f"embedding {self.embedding.value:.2f}")
        if self.random_init is not None:
            others.append(f"random weights {max(estimate.value for estimate in self.random_init):.2f} at best")
        if self.template is not None:
            others.append(f"selectivity {self.template.selectivity[self._best].value:.2f}")
        return (
            f"{len(self.classes)} labels, {best.n_items} items in {best.n_clusters} clusters: "
            f"accuracy {best.value:.2f}{band}{where}{p}; {', '.join(others)}"
        )

    def __repr__(self) -> str:
        return f"ProbeScores({self.summary()})"

    def _repr_html_(self) -> str:
        """For notebooks: the sentence, what to know, and one row a stream."""
        rows = [{name: value for name, value in row.items() if value is not None} for row in self.rows()]
        names = [name for name in self.rows()[0] if any(name in row for row in rows)]
        head = "".join(f"<th>{html.escape(name)}</th>" for name in names)
        body = "".join(f"<tr>{''.join(f'<td>{_cell(row.get(name))}</td>' for name in names)}</tr>" for row in rows)
        notes = "".join(f"<li>{html.escape(note)}</li>" for note in (*self.notes, *_counted(self.excluded)))
        return f"<p>{html.escape(self.summary())}</p>{f'<ul>{notes}</ul>' if notes else ''}" + scroll_box(
            f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        )


def _cell(value: object) -> str:
    return html.escape("–" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value))


def _counted(excluded: Mapping[str, int]) -> Sequence[str]:
    return [f"{count} items excluded: {reason}" for reason, count in excluded.items()]
