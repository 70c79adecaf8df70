"""Planted behaviours: only a format changed, knowledge was lost, nothing changed, control and distilled both copy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from made_comparisons import comparison_of, contrasted, kind_of

from strata.dashboards.sentences.comparison import verdict_sentences
from strata.dashboards.sentences.format_apart import format_sentences
from strata.experiments.compare.behaviour_change import behaviour_change
from strata.experiments.compare.format_change import best_ways, format_apart, halves_of, in_ways
from strata.experiments.compare.measure_agreement import claimed, claimed_as_asked, claimed_beyond_format
from strata.experiments.items.schema import Item
from strata.experiments.results.comparison import ComparedKind, FormatApart
from strata.experiments.results.ways_of_asking import WAYS, Way

N = 64
MEASURES = ("by_choice", "by_likelihood", "logit_difference", "answer_logprob")
KNOWS = 1.0
ITEMS = [
    Item(id=str(n), kind="knowledge", family="facts", domain="", prompt=f"{n} is", answer=" a", foil=" b", cluster=str(n), choices=(" a", " b"))
    for n in range(N)
]  # fmt: skip


def asked(strength: Mapping[Way, float], seed: int = 0, opening: float = 0.0) -> list[dict[str, Any]]:
    """Rows of a model whose answers stand out by so many logits in each way; one noise an item, the same in every way and model of a seed."""
    noise = np.random.default_rng(seed).normal(0, 1, N)
    rows = []
    for way in WAYS:
        for number, item in enumerate(ITEMS):
            margin = float(strength[way] + noise[number])
            rows.append({
                "model": "", "way": way, "item": item.id, "kind": "knowledge", "family": "facts", "answered": margin > 0,
                "correct_by_choice": margin > 0, "correct_by_likelihood": margin > 0, "logit_difference": margin,
                "answer_logprob": -1.0 + margin, "rank": 0, "opening": opening if way == "as_asked" else 0.0, "reason": None,
            })  # fmt: skip
    return rows


def ways(as_asked: float, empty_block: float, examples: float) -> dict[Way, float]:
    return {"as_asked": as_asked, "empty_block": empty_block, "examples": examples}


KNOWING = asked(ways(KNOWS, KNOWS, KNOWS))
ONLY_FORMAT = asked(ways(KNOWS - 2, KNOWS, KNOWS - 1), opening=0.9)
FORGOT = asked(ways(KNOWS - 2, KNOWS - 2, KNOWS - 2))
PARTLY = asked(ways(KNOWS - 2, KNOWS - 1, KNOWS - 2))


def apart_of(**models: Sequence[Mapping[str, Any]]) -> FormatApart:
    return format_apart(models, ITEMS, draws=500, seed=0)["knowledge"]


def compared_kind(**models: Sequence[Mapping[str, Any]]) -> ComparedKind:
    """As the pipeline puts it together."""
    as_asked = {role: [row for row in table if row["way"] == "as_asked"] for role, table in models.items()}
    change = behaviour_change(as_asked, ITEMS, draws=500, seed=0)[0]["knowledge"]
    apart = apart_of(**models)
    return ComparedKind(**dict(change), claimed=claimed_as_asked(change, apart), format=apart)


def share(apart: FormatApart, measure: str) -> float:
    found = apart.measures[measure].format.share
    assert found is not None and found.value is not None
    return found.value


def test_where_only_the_format_changed_all_of_the_drop_is_format_and_nothing_is_lost() -> None:
    kind = compared_kind(base=KNOWING, distilled=ONLY_FORMAT)
    assert claimed(kind) == -1 and kind.claimed == 0 and claimed_beyond_format(kind) == 0
    assert kind.format is not None
    for measure in MEASURES:
        assert share(kind.format, measure) == pytest.approx(1)
        assert kind.format.measures[measure].chosen["distilled"] == ("empty_block", "empty_block")
    case = comparison_of(kind_of((0.2, 0.1, 0.3)), kind, contrasted((0.4, 0.2, 0.6)))
    assert "format-instead" in [reason.code for reason in case.verdict.reasons]
    told = " ".join(verdict_sentences(case))
    assert "Format explains 100 % [100 %, 100 %] of the fall of accuracy by choice" in told
    assert "opens a tag with probability base 0.00, distilled 0.90 as asked" in told


def test_knowledge_that_no_way_of_asking_brings_back_is_lost() -> None:
    kind = compared_kind(base=KNOWING, distilled=FORGOT)
    assert kind.claimed == claimed_beyond_format(kind) == -1
    assert kind.format is not None
    for measure in MEASURES:
        # By the rule nothing comes back; a share of exactly 0, with no width, would look measured.
        found = kind.format.measures[measure].format
        assert found.share is None and found.why is not None and found.why.code == "no-better-way"
    (told,) = [line for line in format_sentences("knowledge", kind.format) if "format explains" in line.lower()]
    assert told.startswith("That format explains any of the fall is not shown: neither model does surely better")
    assert "loss-unshared" in [reason.code for reason in comparison_of(kind_of((0.2, 0.1, 0.3)), kind).verdict.reasons]


def test_what_comes_back_in_part_is_told_in_part_and_the_rest_is_lost() -> None:
    kind = compared_kind(base=KNOWING, distilled=PARTLY)
    assert kind.format is not None and claimed_beyond_format(kind) == -1
    assert share(kind.format, "logit_difference") == pytest.approx(0.5)
    assert any(
        "Every measure shows it beyond the format" in told for told in format_sentences("knowledge", kind.format)
    )


def test_of_a_model_and_itself_no_change_is_claimed_and_no_share_defined() -> None:
    kind = compared_kind(base=ONLY_FORMAT, distilled=ONLY_FORMAT, control=ONLY_FORMAT)
    assert kind.claimed == claimed_beyond_format(kind) == 0 and kind.format is not None
    for measure in MEASURES:
        why = kind.format.measures[measure].format.why
        assert why is not None and why.code == "no-drop"
        best = kind.format.best.measure(measure)
        assert best.change is not None and best.change.value == 0 and not best.change.excludes_zero


def test_a_bias_that_the_control_copied_as_well_is_no_effect_of_reasoning() -> None:
    kind = compared_kind(base=KNOWING, distilled=FORGOT, control=FORGOT)
    assert claimed_beyond_format(kind) == 0 and kind.claimed == 0
    assert kind.format is not None
    beyond = kind.format.best.logit_difference.difference_in_differences
    assert beyond is not None and beyond.value == 0


def test_the_base_is_asked_in_its_best_way_too() -> None:
    """A loss as asked may be hidden by a format that the base, too, has a better one of."""
    better_base = asked(ways(KNOWS, KNOWS + 2, KNOWS))
    apart = apart_of(base=better_base, distilled=KNOWING)
    assert apart.best.logit_difference.change is not None and apart.best.logit_difference.change.value == pytest.approx(
        -2
    )
    assert apart.claimed == -1


def test_ways_are_chosen_on_the_other_half() -> None:
    half = halves_of([str(n) for n in range(8)])
    first, second = np.where(half == 0, 1.0, 0.0), np.where(half == 1, 1.0, 0.0)
    by_way = {"as_asked": np.zeros(8), "empty_block": first, "examples": second}
    chosen = best_ways(by_way, half)
    assert chosen == ("examples", "empty_block")
    assert in_ways(by_way, chosen, half).tolist() == [0.0] * 8


def test_a_way_that_is_better_by_chance_is_not_taken_and_one_that_is_surely_better_is() -> None:
    rng = np.random.default_rng(1)
    half = halves_of([str(n) for n in range(24)])
    worse = []
    for _ in range(300):
        as_asked = (rng.random(24) < 0.9).astype(float)
        by_way = {"as_asked": as_asked, "empty_block": (rng.random(24) < 0.7).astype(float), "examples": as_asked}
        worse.append(in_ways(by_way, best_ways(by_way, half), half).mean() - as_asked.mean())
    assert np.mean(worse) > -0.02
    sure = {"as_asked": np.zeros(24), "empty_block": (rng.random(24) < 0.7).astype(float), "examples": np.zeros(24)}
    assert best_ways(sure, half) == ("empty_block", "empty_block")


def test_each_seed_is_asked_in_its_own_best_way() -> None:
    raw, blocked = asked(ways(KNOWS, KNOWS - 2, KNOWS - 2)), asked(ways(KNOWS - 2, KNOWS, KNOWS - 2))
    both = [*({**row, "model": "a"} for row in raw), *({**row, "model": "b"} for row in blocked)]
    best = apart_of(base=KNOWING, distilled=both).best.logit_difference.change
    assert best is not None and best.value == pytest.approx(0)


def test_the_best_of_noise_is_not_too_high() -> None:
    rng = np.random.default_rng(0)
    half = halves_of([str(n) for n in range(N)])
    means = []
    for _ in range(400):
        by_way = {way: rng.normal(0, 1, N) for way in WAYS}
        means.append(in_ways(by_way, best_ways(by_way, half), half).mean())
    assert abs(np.mean(means)) < 3 / np.sqrt(400 * N)


def test_an_item_that_cannot_be_asked_in_one_way_counts_where_it_can() -> None:
    without = [row for row in ONLY_FORMAT if not (row["way"] == "examples" and int(row["item"]) < 40)]
    apart = apart_of(base=KNOWING, distilled=without)
    best = apart.best.logit_difference.change
    assert best is not None and best.n_items == N and best.value == pytest.approx(0)
