"""What `items split` is asked to do. Everything here decides numbers."""

from __future__ import annotations

from dataclasses import dataclass, field

from strata.experiments.declared_setting import draws as drawn
from strata.experiments.declared_setting import positive as at_least_one
from strata.experiments.declared_setting import setting
from strata.probes.errors import StrataError

TFIDF = "tfidf"
_GROUP = "split"


@dataclass(frozen=True)
class SplitConfig:
    labels: str | None = field(
        default=None,
        metadata=setting(
            "table of labelled questions (default: those of the split file that have a label)", _GROUP, metavar="FILE"
        ),
    )
    """Table of labelled questions; None: those of the file itself that have a label."""
    target: str = field(
        default="label",
        metadata=setting("field that holds the labels; dots lead into objects: meta.type", _GROUP, metavar="FIELD"),
    )
    """Field whose values are the labels."""
    positive: str | None = field(
        default=None,
        metadata=setting(
            "the label that means reasoning (default: the one whose name holds `reason`)", _GROUP, metavar="LABEL"
        ),
    )
    """The label that means reasoning; None: the one whose name holds `reason`."""
    text: str | None = field(
        default=None,
        metadata=setting("field that holds the question (default: prompt, else text, else question)", _GROUP, metavar="FIELD"),
    )  # fmt: skip
    """Field that holds the question; None: `prompt`, else `text`, else `question`."""
    cluster: str | None = field(
        default=None,
        metadata=setting(
            "field of what must not stand on both sides of a fold (default: cluster, where rows have it)",
            _GROUP,
            metavar="FIELD",
        ),
    )
    """Field of what must not stand on both sides of a fold; None: `cluster` where rows have it, else the text."""
    outcome: str | None = field(
        default=None,
        metadata=setting(
            "field that says whether a model answered rightly (true or false, or a share); its gap between the two is corrected",
            _GROUP,
            metavar="FIELD",
        ),
    )
    """Field of the split file that says whether a model answered rightly: truth values, or numbers from 0 to 1."""
    encoder: str = field(
        default=TFIDF,
        metadata=setting(
            "what the classifier reads beside the form: tfidf (words), a model's stream CHECKPOINT@STREAM, or a safetensors encoder (hub id or directory)",
            _GROUP,
            metavar="ENCODER",
        ),
    )
    """What the classifier reads beside the form."""
    repeats: int = field(
        default=3,
        metadata=setting("how often the five folds are drawn anew", _GROUP, at_least_one, metavar="N"),
    )
    """How often the five folds are drawn anew; scores are averaged."""
    split_draws: int = field(
        default=2_000,
        metadata=setting("cluster-bootstrap draws behind every interval", _GROUP, drawn, metavar="N"),
    )
    """Cluster-bootstrap draws behind every interval."""
    seed: int = 0
    """Of folds and draws; set by the verb's own `--seed`."""

    def __post_init__(self) -> None:
        # Here, so that the terminal can name the settings without loading numpy.
        from strata.probes.statistics.bootstrap import FEWEST_DRAWS

        if self.split_draws < FEWEST_DRAWS:
            raise StrataError(
                f"--split-draws is {self.split_draws}", f"Give at least {FEWEST_DRAWS}: an interval needs its tails"
            )
        if not self.encoder.strip():
            raise StrataError("--encoder is empty", "Give tfidf, CHECKPOINT@STREAM or a hub id")
