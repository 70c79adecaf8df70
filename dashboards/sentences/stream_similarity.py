"""How is the similarity of streams told: where it is lowest, and whether one dimension or one family makes it fall?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, Protocol

from strata.dashboards.number_formats import count, number
from strata.dashboards.sentences.dominant_dimensions import Apart, Dominated, dimensions_told
from strata.dashboards.sentences.layer_lines import in_streams, spoken
from strata.dashboards.visible_text import visible

MEASURES = {"cka": "debiased linear CKA", "cosine": "mean cosine"}
FEW = "Too few items of any kind have a position in common: CKA needs eight of a kind."
_NAMES = {"cka": "CKA", "cosine": "mean cosine"}


class Similar(Dominated, Protocol):
    """The line of a similarity."""

    @property
    def contrast(self) -> str:
        """Which model is held against the base."""

    @property
    def measure(self) -> Literal["cka", "cosine"]:
        """By what."""

    @property
    def kind(self) -> str:
        """Kind of the items."""

    @property
    def position(self) -> str:
        """At which position of the prompt."""

    @property
    def dimensions(self) -> Literal["all", "trimmed"]:
        """All dimensions, or without the dominant ones."""


def similarity_aria(line: Similar) -> str:
    """The line of a similarity as a sentence."""
    name = f"{line.measure}, {line.kind}, {line.contrast}, at {line.position}"
    return spoken(f"{name}, without dominant dimensions" if line.dimensions == "trimmed" else name, line)


def similarity_sentence(line: Similar, values: Mapping[int, float], apart: Apart | None, families: str | None) -> str:
    """Where the line is lowest, what dominates it, and what families have to do with it.

    `values` by stream; `apart`: streams at which the line without dominant dimensions disagrees, None without such a line;
    `families`: the clause on them, None where they are not told.
    """
    lowest = min(values, key=lambda stream: (values[stream], stream))
    parts = [
        f"lowest {_NAMES[line.measure]} {number(values[lowest], 3)} at stream {lowest} ({count(line.n_items, 'item')})",
        dimensions_told(line, apart),
    ]
    parts += [] if families is None else [families]
    about = f"{line.contrast.capitalize()} with base, {line.kind}, at {visible(line.position)}"
    return f"{about}: {'; '.join(parts)}."


def families_words(
    values: Mapping[int, float], without: Mapping[str, Mapping[int, float]], made_by: Mapping[str, Sequence[int]]
) -> str:
    """How low the line is with one family excluded at a time, as a clause.

    `values` by stream; `without`: family → stream → the value without it; `made_by`: family → streams that it alone makes fall.
    """
    if len(without) < 2:
        return "all of one family, so none can be excluded"
    lowest = {family: min(of.values()) for family, of in without.items() if of}
    low, high = (pick(lowest, key=lambda family: lowest[family]) for pick in (min, max))
    ends = [number(lowest[family], 3) for family in (low, high)]
    told = (
        f"with one family excluded at a time the lowest lies between {ends[0]} (without {visible(low)}) "
        f"and {ends[1]} (without {visible(high)})"
        if ends[0] != ends[1]
        else f"with any one family excluded the lowest is {ends[0]}"
    )
    for family, streams in made_by.items():
        there = min(without[family][stream] for stream in streams)
        before = min(values[stream] for stream in streams)
        told += (
            f"; only {visible(family)} makes it fall at {in_streams(streams)}: without it the lowest value there is "
            f"{number(there, 3)} instead of {number(before, 3)}"
        )
    return told


def behind_a_start(counted: Iterable[tuple[str, int, int]]) -> str:
    """That prompts are scored behind a start which is not read: by kind how many of how many items."""
    told = ", ".join(f"{fed} of {asked} {kind} items" for kind, fed, asked in counted)
    return (
        f"Read at the last token of the prompts as they are written: {told} are scored behind a first answer "
        "token that answer and foil share. Lenses and interventions read behind it; it is not read here."
    )
