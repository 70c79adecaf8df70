"""The planned work of interventions is no less than what the model then does, and not many times as much."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from small_world import small_items, write_items
from tiny_models import tiny_checkpoint

from strata.experiments.calibrate.construction_lookup import construction
from strata.experiments.calibrate.planted_checkpoint import write_construction
from strata.experiments.locate import interventions_only
from strata.experiments.locate.causal.pair_sampling import as_pair
from strata.experiments.locate.causal.workload import intervention_tokens, work_of_pair
from strata.experiments.locate.config import LocateConfig
from strata.experiments.locate.interventions_only import ask, localise_summary
from strata.experiments.questions import questions_for
from strata.probes.checkpoints.open_spec import open_checkpoint


@pytest.mark.thorough
def test_the_model_does_no_more_work_than_was_planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = write_construction(tmp_path / "planted", construction("subject below last"))
    checkpoint, config = open_checkpoint(str(files.checkpoint)), LocateConfig(pairs=10, positions=("last",))
    passed = 0

    def count(_module: Any, _inputs: Any, output: Any) -> None:
        nonlocal passed
        passed += output.shape[0] * output.shape[1]

    questions = questions_for(checkpoint, config, files.items)
    before: list[int] = []

    def asked(*args: Any, **options: Any) -> Any:
        """Asking shares what prompts begin with, and isn't planned here."""
        answers = ask(*args, **options)
        before.append(passed)
        return answers

    monkeypatch.setattr(interventions_only, "ask", asked)
    with ExitStack() as hooks:
        for block in checkpoint.anatomy.blocks:
            hooks.callback(block.block.mlp.register_forward_hook(count).remove)
        localise_summary(checkpoint, files.items, max_pairs=config.pairs)
    done = (passed - before[0]) / checkpoint.n_layers
    least, most = intervention_tokens(questions.encoded, config, checkpoint.n_layers)
    # At most as if every cell counted and no place became narrow before the last look; here one or two cells do, at the first.
    assert least <= done <= most <= 12 * done and done <= 3 * least, (least, done, most)


def test_work_grows_with_pairs_up_to_as_many_as_are_asked_for(tmp_path: Path) -> None:
    checkpoint = tiny_checkpoint("llama")
    encoded = questions_for(checkpoint, LocateConfig(), write_items(tmp_path / "items.jsonl")).encoded
    letters = [item for item in encoded if item.item.family == "letters"]
    six, twelve, all_of_them = (intervention_tokens(letters, LocateConfig(pairs=pairs), 3)[1] for pairs in (6, 12, 500))
    assert all_of_them == intervention_tokens(letters, LocateConfig(pairs=len(letters)), 3)[1]
    assert 0 < six < twelve < all_of_them and twelve == pytest.approx(2 * six, rel=0.1)
    _, both = intervention_tokens(encoded, LocateConfig(pairs=6), 3)
    assert both > six, "a family of its own has pairs of its own"


def test_a_span_far_from_the_end_costs_more_and_none_at_all_least(tmp_path: Path) -> None:
    checkpoint = tiny_checkpoint("llama")
    far = [{**small_items()[0], "prompt": "the a is in the of", "foil_prompt": "the b is in the of"}]
    near = [{**small_items()[0], "prompt": "is in the the a of", "foil_prompt": "is in the the b of"}]
    near[0] |= {"spans": {"subject": [14, 15]}, "foil_spans": {"subject": [14, 15]}}
    works = []
    for name, records in (("far", far), ("near", near)):
        (item,) = questions_for(checkpoint, LocateConfig(), write_items(tmp_path / name, records)).encoded
        works.append(work_of_pair(as_pair(item), "subject", 3)[1])
    assert works[0] > works[1] > work_of_pair(as_pair(item), None, 3)[1]


def test_no_interventions_and_no_pairs_are_no_work(tmp_path: Path) -> None:
    file = write_items(tmp_path / "items.jsonl")
    encoded = questions_for(tiny_checkpoint("llama"), LocateConfig(), file).encoded
    assert intervention_tokens(encoded, LocateConfig(causal_map="none"), 3) == (0, 0)
    least, most = intervention_tokens(encoded, LocateConfig(causal_map="quick"), 3)
    assert 0 < least < most
    alone = [{name: value for name, value in item.items() if not name.startswith("foil_")} for item in small_items()]
    unpaired = questions_for(
        tiny_checkpoint("llama"), LocateConfig(), write_items(tmp_path / "alone.jsonl", alone)
    ).encoded
    assert intervention_tokens(unpaired, LocateConfig(), 3) == (0, 0)
