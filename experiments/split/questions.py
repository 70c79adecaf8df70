"""Which questions are split, and which of them carry a label? Rows of any table, checked one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from strata.experiments.items.importing.rows import Row
from strata.experiments.items.item_validation import item_from_dict
from strata.experiments.items.schema import Item
from strata.experiments.probe.text_rows import (
    id_of,
    is_item,
    refuse_repeated_ids,
    require_field,
    table_rows,
    text_in,
    value_in,
)
from strata.experiments.split.config import SplitConfig
from strata.experiments.split.form_features import options_listed
from strata.probes.arguments.label_values import plain_value
from strata.probes.errors import StrataError

FEWEST_LABELS = 30
FEWEST_OF_ONE = 8
"""Clusters that hold a label: with fewer the folds run out of it, and no interval is made."""
MOST_LABELS = 20_000
"""A label of the one kind is ranked against every one of the other: more don't fit into memory, and no classifier needs them."""
_TEXT = ("prompt", "text", "question")
_REASONING = "reason"
_UNLABELLED = ("", "na", "nan", "none", "null", "n/a")


@dataclass(frozen=True)
class Question:
    """One question with what is known of it."""

    id: str
    text: str
    options: int
    """How many it offers to choose among; 0 for none."""
    cluster: str
    """What must not stand on both sides of a fold."""
    source: str
    """The data set it comes from: its field `source`, else the name of its file."""
    reasoning: bool | None = None
    """Whether its label says reasoning; None: it has none."""
    outcome: float | None = None
    """How often a model answered it rightly, 0 to 1; None: not known."""
    item: Item | None = None
    """The row as an item, where it is one."""
    encoded: Float[np.ndarray, " d_model"] | None = None
    """What an encoder made of the text."""


@dataclass(frozen=True)
class Questions:
    """Those that a split is learnt from, and those it is made for."""

    labelled: tuple[Question, ...]
    """In the order of their file."""
    applied: tuple[Question, ...]
    """Those that the split is made for: without a label, or the labelled ones where all are."""
    own: bool
    """Whether these are the labelled ones themselves."""
    reasoning: str
    """The label that means reasoning."""
    knowledge: str
    """The other one."""
    rows: tuple[Question, ...]
    """All of the split file, in its order."""


def questions_of(source: Path, config: SplitConfig) -> Questions:
    """Raises StrataError for a faulty table, an absent field, and labels that no split can be learnt from: not two of them, fewer
    than thirty, or fewer than eight clusters of one.
    """
    rows = _table(source, config, labelled=config.labels is None)
    given = rows if config.labels is None else _table(Path(config.labels), config, labelled=True)
    where = str(source) if config.labels is None else config.labels
    with_label = [one for one in given if one.label is not None]
    reasoning, knowledge = _two_labels(where, [one.label for one in with_label if one.label is not None], config)
    labelled = tuple(replace(one.question, reasoning=one.label == reasoning) for one in with_label)
    _refuse_too_few(where, labelled)
    if config.labels is None:
        known = {one.id: one for one in labelled}
        whole = tuple(known.get(one.question.id, one.question) for one in rows)
        applied = tuple(one for one in whole if one.reasoning is None)
    else:
        whole = tuple(one.question for one in rows)
        applied = whole
    return Questions(labelled, applied or labelled, not applied, reasoning, knowledge, whole)


@dataclass(frozen=True)
class _Read:
    question: Question
    label: str | None


def _table(source: Path, config: SplitConfig, *, labelled: bool) -> list[_Read]:
    rows = table_rows(source, "Give a table with a question in each row")
    field = config.text or next((name for name in _TEXT if any(name in row.values for row in rows)), _TEXT[0])
    require_field(str(source), rows, "text", field)
    if labelled:
        require_field(str(source), rows, "target", config.target)
    if config.outcome is not None and not (labelled and config.labels is not None):
        require_field(str(source), rows, "outcome", config.outcome)
    refuse_repeated_ids(str(source), [id_of(row) for row in rows])
    return [_read(row, field, config, labelled) for row in rows]


def _read(row: Row, field: str, config: SplitConfig, labelled: bool) -> _Read:
    text = text_in(row, field)
    item = item_from_dict(row.values, row.where) if is_item(row) else None
    cluster = value_in(row, config.cluster or "cluster")
    named = value_in(row, "source")
    question = Question(
        id=id_of(row),
        text=text,
        options=len(item.choices) if item is not None and item.choices else options_listed(text),
        # The same question twice would stand on both sides of a fold.
        cluster=f"cluster {cluster}" if cluster is not None else f"text {text}",
        source=named if isinstance(named, str) and named.strip() else row.file,
        outcome=_outcome(row, config.outcome),
        item=item,
    )
    return _Read(question, _label(row, config.target) if labelled else None)


def _label(row: Row, path: str) -> str | None:
    value = plain_value(value_in(row, path))
    if value is None or (isinstance(value, str) and value.strip().lower() in _UNLABELLED):
        return None
    if isinstance(value, (list, tuple, dict)):
        kind = "an object" if isinstance(value, dict) else "a list"
        raise StrataError(f"{row.where}: {path!r} holds {kind}, not a label", "Name one entry of it with --target")
    return str(value).strip()


def _outcome(row: Row, path: str | None) -> float | None:
    value = None if path is None else plain_value(value_in(row, path))
    if value is None or value == "":
        return None
    words = {"true": 1.0, "false": 0.0}
    try:
        number = (
            words[value.strip().lower()] if isinstance(value, str) and value.strip().lower() in words else float(value)
        )
    except (TypeError, ValueError):
        number = -1.0
    if not 0 <= number <= 1:
        raise StrataError(
            f"{row.where}: {path!r} is neither true or false nor a share from 0 to 1",
            "Name the field that says whether the answer was right with --outcome",
        )
    return number


def _two_labels(where: str, labels: Sequence[str], config: SplitConfig) -> tuple[str, str]:
    """The one that means reasoning, and the other."""
    names = sorted(set(labels))
    if len(names) < 2:
        there = f"only the label {names[0]!r}" if names else "no label"
        raise StrataError(
            f"{where} holds {there} in {config.target!r}",
            "Give labelled questions of both kinds: reasoning and knowledge",
        )
    if len(names) > 2:
        shown = ", ".join(repr(name[:40]) for name in names[:6]) + (", …" if len(names) > 6 else "")
        raise StrataError(
            f"{where} holds {len(names)} labels in {config.target!r} ({shown}), a split has two",
            "Merge them, or drop the rows of the others",
        )
    if config.positive is not None:
        if config.positive not in names:
            raise StrataError(
                f"--positive is {config.positive!r}, which is no label of {where}", f"Choose among: {', '.join(names)}"
            )
        reasoning = config.positive
    else:
        telling = [name for name in names if _REASONING in name.lower()]
        if len(telling) != 1:
            raise StrataError(
                f"Which of {names[0]!r} and {names[1]!r} means reasoning can't be told", "Say so with --positive LABEL"
            )
        reasoning = telling[0]
    return reasoning, next(name for name in names if name != reasoning)


def _refuse_too_few(where: str, labelled: Sequence[Question]) -> None:
    if len(labelled) < FEWEST_LABELS:
        raise StrataError(
            f"{where} has {len(labelled)} labelled questions", f"Label at least {FEWEST_LABELS}, drawn at random"
        )
    if len(labelled) > MOST_LABELS:
        raise StrataError(
            f"{where} has {len(labelled)} labelled questions", f"Draw at most {MOST_LABELS} of them at random"
        )
    for reasoning in (True, False):
        clusters = {one.cluster for one in labelled if one.reasoning is reasoning}
        if len(clusters) < FEWEST_OF_ONE:
            kind = "reasoning" if reasoning else "knowledge"
            raise StrataError(
                f"{where} has {len(clusters)} clusters labelled as {kind}",
                f"Label at least {FEWEST_OF_ONE} of each kind",
            )
