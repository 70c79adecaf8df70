"""Is a comparison of a planted pair scored rightly: what changed named rightly, wrongly or not, and what didn't?"""

from __future__ import annotations

import pytest

from strata.dashboards.sentences.planted_comparisons import (
    CHANGE_HEADS,
    PAIR_HEADS,
    change_row,
    compared_sentence,
    pair_row,
)
from strata.experiments.calibrate.comparisons.comparison_claims import (
    ClaimedCell,
    ClaimedMove,
    ClaimedSource,
    ComparisonClaims,
    KindClaims,
    source_of,
)
from strata.experiments.calibrate.comparisons.comparison_records import change_of, compared_pairs
from strata.experiments.calibrate.comparisons.pair_row import PairRow
from strata.experiments.calibrate.comparisons.pair_score import PairScore, score_pair
from strata.experiments.calibrate.comparisons.pair_truth import truth_of_pair
from strata.experiments.calibrate.comparisons.planted_pair import PlantedPair
from strata.experiments.calibrate.comparisons.planted_pairs import first_pairs, planted_pairs
from strata.experiments.calibrate.scored_summary import ScoredPlace
from strata.experiments.results.comparison_tables import CrossedRow, LayerSwapRow
from strata.probes.errors import StrataError

NOTHING = KindClaims(claimed=0, falls_as_asked=False)
FELL = KindClaims(claimed=-1, falls_as_asked=True)


def the(name: str) -> PlantedPair:
    (pair,) = [pair for pair in planted_pairs() if pair.name == name]
    return pair


def scored(name: str, knowledge: KindClaims = NOTHING, reasoning: KindClaims = NOTHING, **said: object) -> PairScore:
    of_pair = ComparisonClaims.model_validate({"kinds": {"knowledge": knowledge, "reasoning": reasoning}, **said})
    return score_pair(of_pair, truth_of_pair(the(name)))


def from_source(block: int, cell: str | None, recovered: float = 1.0, brought: float | None = 1.0) -> KindClaims:
    return FELL.model_copy(
        update={"source": ClaimedSource(block=block, recovered=recovered, cell=cell, brought=brought)}
    )


def move(before: tuple[str, int], after: tuple[str, int], family: str = "emblem") -> ClaimedMove:
    (one, first), (other, second) = before, after
    return ClaimedMove(
        family=family, before=ScoredPlace(cell=one, first=first, last=first),
        after=ScoredPlace(cell=other, first=second, last=second),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("said", "named"),
    [
        (from_source(2, "enrich"), "right"),
        (from_source(3, "enrich"), "wrong"),
        (from_source(2, "work_out"), "wrong"),
        (from_source(2, "enrich", recovered=0.4), "silent"),
        (from_source(2, "enrich", brought=0.4), "silent"),
        (from_source(2, None, brought=None), "silent"),
        (FELL, "silent"),
        (from_source(2, "enrich").model_copy(update={"claimed": 0}), "silent"),
    ],
)
def test_a_change_of_the_answers_is_named_by_cell_and_block_where_it_is_claimed(said: KindClaims, named: str) -> None:
    assert scored("other facts", said).named == (named,)


def test_a_gain_or_a_loss_is_right_by_its_sign_and_kind_and_false_where_nothing_changed() -> None:
    assert scored("other facts", FELL).claims == (True, True) and scored("other facts").claims == (False, True)
    assert scored("other facts", FELL, FELL).alarms == ("claimed",)
    gained = NOTHING.model_copy(update={"claimed": 1})
    assert scored("sums learnt", reasoning=gained).claims == (True, True)
    assert scored("sums learnt", reasoning=FELL).claims == (True, False)
    for name in ("weights jittered", "filler drawn anew", "only the format", "one answer likelier"):
        assert scored(name).claims == (True, True) and scored(name).alarms == () and scored(name).named == ()
        assert scored(name, gained).alarms == ("claimed",)


def test_a_fall_is_one_of_format_where_only_the_format_changed_and_nowhere_else() -> None:
    by_format = KindClaims(claimed=0, falls_as_asked=True, format_from=0.9)
    assert scored("only the format", by_format, by_format).formats == (True, True)
    assert scored("only the format", by_format, FELL).formats == (True, False)
    assert scored("other facts", FELL).formats == (True,)
    assert scored("other facts", FELL.model_copy(update={"format_from": 0.9})).formats == (False,)
    assert scored("other facts", FELL.model_copy(update={"format_from": 0.1})).formats == (True,)
    assert scored("other facts").formats == ()


def test_a_family_that_moved_is_named_by_both_of_its_places() -> None:
    right, wrong = move(("enrich", 2), ("enrich", 3)), move(("enrich", 2), ("move", 4), "patron")
    assert scored("facts one block up", moved=(right,)).named == ("right", "silent")
    assert scored("facts one block up", moved=(right, wrong)).named == ("right", "wrong")
    assert scored("facts one block up", moved=(right,)).alarms == ()
    assert scored("facts one block up", moved=(move(("work_out", 5), ("work_out", 6), "plus"),)).alarms == (
        "family-moved",
    )
    to_last = (move(("enrich", 2), ("work_out", 6)), move(("enrich", 2), ("work_out", 6), "patron"))
    assert scored("facts to the last token", moved=to_last).named == ("right", "right")


def test_cells_that_serve_as_before_are_false_alarms_and_what_differs_is_none() -> None:
    def cell(family: str, name: str, *blocks: int) -> ClaimedCell:
        return ClaimedCell(family=family, cell=name, whole=not blocks, blocks=blocks)

    assert scored("facts one block up", changed=(cell("emblem", "enrich", 2, 3),)).alarms == ()
    assert scored("facts one block up", changed=(cell("emblem", "enrich", 2, 4),)).alarms == ("other-cell-changed",)
    assert scored("facts one block up", changed=(cell("emblem", "move", 4),)).alarms == ("other-cell-changed",)
    assert scored("facts one block up", changed=(cell("plus", "work_out", 5),)).alarms == ("cell-changed",)
    # Of a family that is looked up at the last token now, its mover brings the entity, and stands elsewhere.
    moved = (cell("emblem", "enrich", 2), cell("emblem", "work_out"), cell("emblem", "move", 4, 5))
    assert scored("facts to the last token", changed=moved).alarms == ()
    deeper = NOTHING.model_copy(update={"depth": "deeper"})
    assert scored("facts one block up", deeper).alarms == () and scored("other facts", deeper).alarms == ("kind-moved",)


def test_families_that_stay_are_those_that_both_models_answer_at_one_place() -> None:
    counts = {
        name: scored(name, stayed=4) for name in ("other facts", "facts one block up", "facts lost", "only the format")
    }
    assert [(one.stayed, one.unchanged) for one in counts.values()] == [(2, 2), (2, 2), (4, 4), (0, 0)]


def test_the_block_is_the_one_whose_swap_brings_the_most_both_ways_and_the_cell_what_brings_it_there() -> None:
    def swap(layer: int, into: str, recovery: float | None) -> LayerSwapRow:
        return {"contrast": "distilled", "direction": f"into {into}", "sweep": "single", "layer": layer, "kind": "knowledge", "measure": "logit_difference", "recovery": recovery}  # fmt: skip

    def crossed(component: str, position: str, value: float) -> list[CrossedRow]:
        return [
            {"contrast": "distilled", "direction": f"into {into}", "component": component, "position": position, "kind": "knowledge", "layer": 1, "value": value}
            for into in ("base", "distilled")
        ]  # fmt: skip

    swaps = [swap(layer, into, share) for into in ("base", "distilled") for layer, share in enumerate((0.1, 0.7, 0.9))]
    # What one way alone brings is no share of the change.
    swaps[5]["recovery"] = 0.2
    contributions = [
        *crossed("attn_out", "last", 0.2),
        *crossed("mlp_out", "span", 0.8),
        *crossed("block_out", "last", 1.0),
    ]
    source = source_of("knowledge", swaps, contributions)
    assert source is not None and (source.block, source.cell, source.named) == (1, "enrich", True)
    assert (source.recovered, source.brought) == pytest.approx((0.7, 0.8))
    assert source_of("reasoning", swaps, contributions) is None
    assert source_of("knowledge", swaps[:3], contributions) is None, "one way only"
    bare = source_of("knowledge", swaps, [])
    assert bare is not None and not bare.named


def test_the_record_counts_pairs_and_keeps_what_failed_apart() -> None:
    pairs = [the("other facts"), the("one family's other facts"), the("only the format"), the("weights jittered")]
    kinds = {"knowledge": from_source(2, "enrich"), "reasoning": NOTHING}
    wrong = {"knowledge": from_source(2, "enrich"), "reasoning": FELL}
    by_format = KindClaims(claimed=0, falls_as_asked=True, format_from=1.0)
    rows = [
        PairRow(key="a", name=pairs[0].name, said=ComparisonClaims(kinds=kinds, stayed=2)),
        PairRow(key="b", name=pairs[1].name, said=ComparisonClaims(kinds=wrong, stayed=1)),
        PairRow(
            key="c", name=pairs[2].name, said=ComparisonClaims(kinds={"knowledge": by_format, "reasoning": by_format})
        ),
        PairRow(key="d", name=pairs[3].name, error="No room. Make some"),
    ]
    found = compared_pairs(pairs, rows)
    assert found.failed == {"weights jittered": "No room. Make some"} and len(found.compared) == 3
    facts, form, jitter, whole = found.comparisons
    assert [one.change for one in found.comparisons] == ["facts table", "format", "jitter", "all"]
    assert (facts.pairs, facts.named.part, facts.wrong.part, facts.named.of, facts.named.models) == (2, 1, 1, 2, 2)
    assert (facts.stayed.part, facts.stayed.of) == (3, 5) and (facts.alarms.part, facts.alarms.of) == (1, 2)
    assert (form.formats.part, form.formats.of, form.named.of) == (2, 2, 0)
    assert (jitter.pairs, jitter.failed, jitter.alarms.of) == (1, 1, 0)
    assert (whole.pairs, whole.failed, whole.alarms.part, whole.alarms.of) == (4, 1, 1, 3)
    assert all(len(change_row(one)) == len(CHANGE_HEADS) for one in found.comparisons)
    rows_of_pairs = [pair_row(one) for one in found.compared]
    assert all(len(row) == len(PAIR_HEADS) for row in rows_of_pairs) and "a gain or a loss" in rows_of_pairs[1]
    sentence = compared_sentence(found.comparisons)
    assert sentence is not None and "50%" in sentence and compared_sentence(()) is None


def test_the_first_pairs_show_every_change_and_more_than_there_are_is_said() -> None:
    assert len({pair.name for pair in planted_pairs()}) == len(planted_pairs()) >= 24
    assert (
        len({change_of(pair) for pair in first_pairs("9")}) == 9 == len({change_of(pair) for pair in planted_pairs()})
    )
    assert first_pairs("all") == planted_pairs() and first_pairs("0") == ()
    with pytest.raises(StrataError, match="planted pairs, and 99 are asked for"):
        first_pairs("99")
