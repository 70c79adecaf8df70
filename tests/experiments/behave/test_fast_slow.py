"""Fast against slow: identities, rates that need a basis, what the frames put around a question, and what settles where."""

from __future__ import annotations

import numpy as np
import pytest

from strata.dashboards.sentences.fast_slow import fast_slow_sentences
from strata.dashboards.view.behave.thinking import fast_slow_views
from strata.experiments.behave.config import BehaveConfig
from strata.experiments.behave.fast_slow import measure_fast_slow
from strata.experiments.behave.settling import Settled
from strata.experiments.behave.think_frame import ThinkFrame, think_tags
from strata.experiments.behave.thinking_problems import ThinkingProblem, thinking_problems
from strata.experiments.behave.written_chains import other_chains
from strata.experiments.generated_answers.extraction import TAGS, ThinkTags, extract_answer
from strata.experiments.items.builtin import build_items, chosen
from strata.experiments.items.framing import REQUEST
from strata.experiments.results.behaviour_tables import BehaviourAnswerRow
from strata.experiments.results.thinking_summary import FastSlow, Thinking
from strata.probes.errors import StrataError


def problems(n: int) -> list[ThinkingProblem]:
    return [
        ThinkingProblem(f"p{at}", "reasoning", "sums", f"c{at}", f"{at} + 1 =", str(at + 1), steps=(f"{at} + 1 = {at + 1}",))
        for at in range(n)
    ]  # fmt: skip


def answered(asked: list[ThinkingProblem], fast: np.ndarray, slow: np.ndarray) -> list[BehaviourAnswerRow]:
    """`fast` and `slow`: problem × draw, whether it is right."""
    rows = []
    for pace, right in (("fast", fast), ("slow", slow)):
        for one, draws in zip(asked, right, strict=True):
            rows += [
                BehaviourAnswerRow(
                    one.id, "reasoning", one.family, one.cluster, pace, draw, one.question, one.answer, "", "0", None, "step", pace == "slow", bool(here)
                )
                for draw, here in enumerate(draws)
            ]  # fmt: skip
    return rows


def measured(fast: np.ndarray, slow: np.ndarray) -> FastSlow:
    asked = problems(len(fast))
    found = measure_fast_slow(asked, answered(asked, fast, slow), Settled({}), draws=300, seed=0)
    return found.kinds["reasoning"]


@pytest.mark.parametrize("draws", [1, 4])
def test_what_is_gained_is_what_was_won_less_what_was_lost(draws: int) -> None:
    rng = np.random.default_rng(draws)
    fast, slow = rng.random((60, draws)) < 0.3, rng.random((60, draws)) < 0.75
    found = measured(fast, slow)
    values = [found.gain, found.won, found.lost, found.slow, found.fast]
    gain, won, lost, right_slow, right_fast = (one.value or 0.0 for one in values)
    assert gain == pytest.approx(won - lost, abs=1e-12) and gain == pytest.approx(right_slow - right_fast, abs=1e-12)
    assert found.won_of_wrong is not None and found.lost_of_right is not None
    assert found.won_of_wrong.value == pytest.approx(won / (1 - right_fast), abs=1e-12)
    assert found.lost_of_right.value == pytest.approx(lost / right_fast, abs=1e-12)
    assert found.change == "gains" and (found.gain.low or 0) > 0 and found.samples == draws


def test_rates_of_fewer_than_eight_answers_are_not_told() -> None:
    fast = np.zeros((30, 1), bool)
    fast[:7] = True
    found = measured(fast, np.ones((30, 1), bool))
    assert found.lost_of_right is None and found.won_of_wrong is not None and found.won_of_wrong.value == 1.0
    assert measured(~fast, np.ones((30, 1), bool)).won_of_wrong is None


def test_equal_answers_are_no_change_and_few_clusters_are_not_judged() -> None:
    same = np.arange(20)[:, None] % 2 == 0
    assert measured(same, same).gain.value == 0.0 and measured(same, same).change == "not-seen"
    assert measured(same[:7], ~same[:7]).change == "undecided"


def test_settling_is_told_of_those_that_only_slow_solves() -> None:
    asked = problems(12)
    slow, fast = np.ones((12, 1), bool), np.zeros((12, 1), bool)
    ids = {
        ("fast", one.id): np.array([5, 5, 5, 5, 7]) for one in asked
    } | {("slow", one.id): np.array([1, 7, 7, 7, 7]) for one in asked}  # fmt: skip
    settled = Settled({(item, pace): values for (pace, item), values in ids.items()})
    found = measure_fast_slow(asked, answered(asked, fast, slow), settled, draws=200, seed=0)
    group = found.kinds["reasoning"].only_slow
    assert group is not None and found.kinds["reasoning"].both is None
    assert (group.fast.value, group.slow.value, group.difference.value) == (4.0, 1.0, -3.0)
    curve = {(row.condition, row.stream): row.mean for row in found.layers}
    assert [curve["slow", stream] for stream in range(5)] == [0, 1, 1, 1, 1]
    assert curve["fast", 3] == 0 and curve["fast", 4] == 1
    assert group.not_read == 0
    few = measure_fast_slow(asked, answered(asked, fast, slow), without(settled, "p0", "p1"), draws=200, seed=0)
    assert few.kinds["reasoning"].only_slow.not_read == 2
    assert (
        "2 more that slow answers solve were not read"
        in fast_slow_sentences("reasoning", few.kinds["reasoning"], 4)[-1]
    )
    # Where nothing was read, nothing is drawn, and it isn't said that none is solved.
    unread = measure_fast_slow(asked, answered(asked, fast, slow), Settled({}), draws=200, seed=0)
    assert unread.layers == []
    assert fast_slow_sentences("reasoning", unread.kinds["reasoning"], 4)[-1].startswith(
        "By stream: nothing is said, 12 problems"
    )
    assert "12 problems" in fast_slow_views(Thinking(fast_slow=unread.kinds), 4, [])[0].why_no_panels
    none = measure_fast_slow(asked, answered(asked, fast, fast), Settled({}), draws=200, seed=0)
    assert "slow answers solve none" in fast_slow_sentences("reasoning", none.kinds["reasoning"], 4)[-1]


def without(settled: Settled, *problems: str) -> Settled:
    """Those whose chains don't fit the context are not read."""
    return Settled({key: ids for key, ids in settled.likeliest.items() if key[0] not in problems})


def test_a_question_ends_opened_closed_or_behind_a_chain() -> None:
    frame = ThinkFrame(TAGS)
    assert frame.opened("3 + 4 =") == "3 + 4 = <think>"
    assert frame.closed("3 + 4 =") == "3 + 4 = <think> </think>"
    assert frame.closed("3 + 4 =", "3 + 4 = 7") == "3 + 4 = <think> 3 + 4 = 7 </think>"
    opens, closes = f"<u>{REQUEST}<a><think>\n", f"<u>{REQUEST}<a><think>\n\n</think>\n\n"
    for prefix in (f"<u>{REQUEST}<a>", opens, closes):
        chat = ThinkFrame(TAGS, prefix)
        assert chat.opened("3 + 4 =") == "<u>3 + 4 =<a><think>\n"
        assert chat.closed("3 + 4 =") == "<u>3 + 4 =<a><think>\n\n</think>\n\n"
        assert chat.closed("3 + 4 =", "so 7") == "<u>3 + 4 =<a><think>\nso 7\n</think>\n\n"
    tags = ThinkTags("[T]", "[/T]")
    assert extract_answer("so 7 [/T] 7", opened=True, tags=tags).value == "7"
    assert extract_answer("so 7", opened=True, tags=tags).value is None


def test_another_chain_is_one_of_the_family_with_another_answer() -> None:
    asked = problems(4)
    chains = {"p0": "zero", "p1": "", "p2": "two", "p3": "three"}
    assert other_chains(asked, chains) == {"p0": "two", "p1": "two", "p2": "three", "p3": "zero"}
    alike = [ThinkingProblem(f"p{at}", "reasoning", "sums", f"c{at}", "", "1") for at in range(2)]
    assert other_chains(alike, {"p0": "zero", "p1": "one"}) == {}


def test_problems_are_built_in_with_steps_or_a_files_own() -> None:
    items = build_items(chosen(("capital", "addition")), seed=0, per_family=4)
    built = thinking_problems(items, (), from_file=False, problems=30, facts=3, seed=0)
    assert [one.kind for one in built] == ["reasoning"] * 30 + ["knowledge"] * 3
    assert all(one.steps for one in built[:30]) and all(one.relation == "capital" for one in built[30:])
    only = thinking_problems(items, ("addition", "boolean"), from_file=False, problems=12, facts=0, seed=0)
    assert {one.family for one in only} == {"addition", "boolean"} and len(only) == 12
    own = thinking_problems(items, (), from_file=True, problems=30, facts=30, seed=0)
    assert {(one.kind, one.family) for one in own} == {("reasoning", "addition"), ("knowledge", "capital")}
    assert not any(one.steps for one in own)


def test_tags_are_given_named_or_the_customary_ones(tiny_models: object) -> None:
    checkpoint = tiny_models("llama")
    assert think_tags(checkpoint, "") == TAGS and think_tags(checkpoint, "a, b") == ("a", "b")
    for given in ("<think>", "a,a", "a,", "a,b,c"):
        with pytest.raises(StrataError, match="think-tags"):
            BehaveConfig(think_tags=given)
    assert BehaveConfig(samples=4).drawn_at == 0.6 and BehaveConfig().drawn_at == 0.0
    with pytest.raises(StrataError, match="every draw is the same"):
        BehaveConfig(samples=4, temperature=0.0)
