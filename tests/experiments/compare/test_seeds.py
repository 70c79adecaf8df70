"""Several seeds of one training: asked beside the first, averaged item by item, and told by themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from test_format_change import FORGOT, ITEMS, KNOWING, apart_of
from tiny_models import tiny_checkpoint

from strata.experiments.compare.config import CompareConfig
from strata.experiments.compare.generated_answer_change import generated_change
from strata.experiments.compare.model_specs import Specs
from strata.experiments.compare.models import Models
from strata.experiments.compare.seeds import Seeds, named_specs
from strata.experiments.locate.config import LocateConfig
from strata.experiments.results.generated_tables import ASKED
from strata.experiments.run.directory import RunDirectory
from strata.probes.errors import StrataError

SPECS = Specs("base", "think", "filler", {"distilled": ("think-1", "think-2"), "control": ("filler-1",)}, frozenset({"base", "distilled", "control"}))  # fmt: skip


def named(rows: list[dict[str, Any]], model: str) -> list[dict[str, Any]]:
    return [{**row, "model": model} for row in rows]


def seeds_of(opened: list[str]) -> Seeds:
    def opener(name: str) -> Any:
        def opens() -> Any:
            opened.append(name)
            return tiny_checkpoint("llama", max_position_embeddings=512)

        return opens

    openers = {name: opener(name) for name in named_specs(SPECS)}
    return Seeds(SPECS, Models(openers), openers)


def test_every_seed_has_a_name_of_its_own_behind_the_first() -> None:
    assert list(named_specs(SPECS)) == ["base", "distilled", "control", "distilled-1", "distilled-2", "control-1"]
    seeds = seeds_of([])
    assert seeds.names["distilled"] == ("distilled", "distilled-1", "distilled-2") and seeds.names["base"] == ("base",)
    assert set(seeds.identity()) == {"distilled-1", "distilled-2", "control-1"}
    with pytest.raises(StrataError, match="needs --control"):
        Specs("base", "think", seeds={"control": ("filler-1",)})


def test_a_seed_is_answered_for_by_the_mean_over_all_of_them() -> None:
    both = [*named(KNOWING, "distilled"), *named(FORGOT, "distilled-1")]
    change = apart_of(base=KNOWING, distilled=both).best.logit_difference.change
    alone = apart_of(base=KNOWING, distilled=FORGOT).best.logit_difference.change
    assert change is not None and alone is not None and alone.value is not None
    assert change.value == pytest.approx(alone.value / 2) and change.n_items == alone.n_items


def test_problems_are_written_by_every_seed_once_and_each_is_told_by_itself(tmp_path: Path) -> None:
    opened: list[str] = []
    seeds = seeds_of(opened)
    config = CompareConfig(
        locate=LocateConfig(draws=100), generated=1, generated_tokens=3, generated_splits=("other",), temperature=1.0
    )  # fmt: skip
    run = RunDirectory(tmp_path / "run", verb="compare", command=[], identity={})
    fixed = dict.fromkeys(("distilled", "control"), "question_only")
    generated = generated_change(run, seeds.models, config, lambda gap: None, fixed, further=seeds.further)
    again = generated_change(run, seeds.models, config, lambda gap: None, fixed, further=seeds.further)
    assert generated == again and opened.count("distilled-2") == 1
    for role, names in seeds.names.items():
        for name in names:
            rows = KNOWING if role == "base" else FORGOT
            run.write_rows(ASKED, [{k: v for k, v in row.items() if k != "reason"} for row in named(rows, name)], name=f"{ASKED.name}_{name}")  # fmt: skip
    told = seeds.changes(run, ["base", "distilled", "control"], ITEMS, config, fixed)
    run.close("done")
    # The third has no control of its number, and is held against the first.
    assert [(one.distilled, one.control) for one in told] == [("think", "filler"), ("think-1", "filler-1"), ("think-2", "filler")]  # fmt: skip
    for one in told:
        knowledge = one.beyond_format["knowledge"]
        assert knowledge.change is not None and knowledge.change.value is not None and knowledge.change.value < 0
        assert knowledge.difference_in_differences is not None and knowledge.difference_in_differences.value == 0
