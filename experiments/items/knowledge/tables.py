"""What is true: the facts behind the built-in knowledge, written down one table to a relation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Fact:
    """`answer` is what the relation gives for `subject`; both without leading space."""

    subject: str
    answer: str


@cache
def facts(table: str) -> tuple[Fact, ...]:
    """The facts of `tables/<table>.tsv`: on each line an answer, a tab, and its subjects apart by ` | `."""
    text = files("strata.experiments.items.knowledge").joinpath("tables", f"{table}.tsv").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in text.splitlines() if line and not line.startswith("#"))
    return tuple(Fact(subject, answer) for answer, subjects in rows for subject in subjects.split(" | "))


def bare(name: str) -> str:
    """The name without its article, so that `the Netherlands` and `Netherlands` are one entity."""
    return name.removeprefix("the ").removeprefix("The ")
