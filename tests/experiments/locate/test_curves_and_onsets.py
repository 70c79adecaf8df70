"""Pooled curves are plain means over items, baselines stay with their items, and onsets follow the rule."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from small_world import small_items, write_items
from tiny_models import tiny_checkpoint

from strata.experiments.locate.config import LocateConfig
from strata.experiments.locate.curves import Intervals, probe_curves, probe_measures, random_init_of
from strata.experiments.locate.probe_targets import Target, targets_of
from strata.experiments.locate.probing import Probed, Scored
from strata.experiments.questions import Questions, questions_for

STREAMS = 8


@pytest.fixture(scope="module")
def questions(tmp_path_factory: pytest.TempPathFactory) -> Questions:
    file = write_items(tmp_path_factory.mktemp("items") / "items.jsonl", small_items())
    return questions_for(tiny_checkpoint("llama"), LocateConfig(), file)


def scored(questions: Questions, family: str, *, onset: int, source: str = "model", seed: int = 0) -> Scored:
    """Chance below stream `onset`, nearly always right from there."""
    members = [i for i, question in enumerate(questions.encoded) if question.item.family == family]
    kind = questions.encoded[members[0]].item.kind
    rng = np.random.default_rng(seed)
    share = np.where(np.arange(STREAMS) >= onset, 0.95, 0.4)
    target = Target(
        "answer", kind, family, "last", "cluster", "linear", source, tuple(members), ("?",) * len(members)
    )  # fmt: skip
    return Scored(
        target, tuple(members), rng.random((len(members), STREAMS)) < share, np.full((len(members), STREAMS), -1.0),
        rng.random(len(members)) < 0.4, rng.random((len(members), STREAMS)), None, None,
    )  # fmt: skip


def test_a_pooled_curve_is_the_mean_over_all_items_of_the_kind(questions: Questions) -> None:
    letters, parity = scored(questions, "letters", onset=3), scored(questions, "parity", onset=5)
    parity = replace(parity, target=replace(parity.target, kind=letters.target.kind))
    rows = list(probe_curves(Probed([], [letters, parity], []), questions, Intervals(draws=200, seed=0)))
    pooled = {(row.measure, row.layer): row for row in rows if row.family is None and row.instrument == "probe.linear"}
    everything = np.concatenate([letters.correct, parity.correct])
    for stream in range(STREAMS):
        row = pooled["accuracy", stream]
        assert row.mean == pytest.approx(everything[:, stream].mean())
        assert row.n_items == len(everything) and row.low <= row.mean <= row.high
        chance = np.concatenate([letters.commonest, parity.commonest]).mean()
        assert pooled["chance", stream].mean == pytest.approx(chance)
        assert letters.shuffled_correct is not None and parity.shuffled_correct is not None
        shuffled = np.concatenate([letters.shuffled_correct, parity.shuffled_correct])[:, stream].mean()
        assert pooled["shuffled", stream].mean == pytest.approx(shuffled)
        assert pooled["embedding_only", stream].mean == pytest.approx(everything[:, 0].mean())


def test_the_random_baseline_is_used_only_where_it_saw_the_same_items(questions: Questions) -> None:
    model = scored(questions, "letters", onset=3)
    fresh = scored(questions, "letters", onset=99, source="random-init", seed=1)
    _, measures = probe_measures([model], random_init_of(Probed([], [model, fresh], [])))
    assert np.array_equal(measures["random_init"], fresh.correct.astype(float))
    fewer = replace(fresh, items=fresh.items[1:], correct=fresh.correct[1:])
    assert "random_init" not in probe_measures([model], random_init_of(Probed([], [fewer], [])))[1]


def test_targets_cover_answers_everywhere_and_kinds_once(questions: Questions) -> None:
    targets = targets_of(questions.encoded, ("last", "subject", "operand"), random_init=True)
    assert len({target.key for target in targets}) == len(targets)
    answers = [t for t in targets if (t.name, t.family, t.position) == ("answer", "letters", "last")]
    assert {(t.scheme, t.probe, t.source) for t in answers} >= {
        ("cluster", "linear", "model"), ("template", "linear", "model"), ("cluster", "mass_mean", "model"),
        ("cluster", "linear", "random-init"),
    }  # fmt: skip
    kinds = [t for t in targets if t.name == "kind"]
    assert {label for t in kinds for label in t.labels} == {"knowledge", "reasoning"} and len(kinds) == 2
    subject = [t for t in targets if t.position == "subject"]
    assert subject and all("subject" in questions.encoded[i].prompt.positions for t in subject for i in t.items)
