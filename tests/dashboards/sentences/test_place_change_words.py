"""Do the words of a place, a map and a line follow from their numbers and codes alone?"""

from __future__ import annotations

import pytest

from strata.dashboards.sentences.generated_answers import drawn_words, why_none_sentence
from strata.dashboards.sentences.layer_lines import in_streams, runs_text
from strata.dashboards.sentences.place_changes import overlap_words, pairs_words, place_verdict, shift_words
from strata.experiments.results.comparison_tables import PlaceChangeRow


def row(pairs: str = "shared", overlap: float | None = 0.5, p: float | None = 0.5) -> PlaceChangeRow:
    return PlaceChangeRow(pairs=pairs, n_pairs=12, unpaired="too-few-shared", overlap=overlap, p=p, shift=3.0, low=1.2, high=4.0)  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (row(p=0.05), "elsewhere, p = 0.050"),
        (row(overlap=0.95), "the same place"),
        (row(overlap=0.94), "open"),
        (row(pairs="own"), "–"),
        (row(overlap=None), "–"),
        (row(p=None), "–"),
    ],
)
def test_a_place_is_elsewhere_the_same_or_open_and_only_on_shared_pairs(asked: PlaceChangeRow, words: str) -> None:
    assert place_verdict(asked) == words


def test_pairs_say_why_they_are_not_shared() -> None:
    assert pairs_words(row()) == "12 shared"
    assert pairs_words(row(pairs="own")) == "own only: too few pairs that both models answer"
    assert (shift_words(row()), overlap_words(row())) == ("3.0 [1.2, 4.0]", "50 %")


def test_runs_of_layers_are_drawn_together() -> None:
    assert runs_text([3, 4, 5, 7]) == "3–5, 7"
    assert (in_streams([3]), in_streams([3, 4])) == ("stream 3", "streams 3–4")


def test_a_temperature_of_nothing_is_greedy() -> None:
    assert (drawn_words(0.0), drawn_words(0.7)) == ("greedily", "drawn at temperature 0.7")
    assert why_none_sentence(None) == "no generated answers were asked for."
