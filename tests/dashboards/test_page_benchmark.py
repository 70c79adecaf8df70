"""Are the pages that `strata bench page` opens what it says they are?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from strata.dashboards.benchmarks import page
from strata.experiments.calibrate.construction import flaws
from strata.experiments.calibrate.planted_facts import world_of
from strata.experiments.calibrate.planted_items import items_of


def test_both_models_are_asked_the_same_and_one_works_its_sums_out_higher() -> None:
    before = page.planted(0)
    after = page._moved(before)
    assert flaws(before) == flaws(after) == [] and before.n_layers == page.BLOCKS
    assert world_of(before).vocabulary == world_of(after).vocabulary
    asked, again = (items_of(made, world_of(made)) for made in (before, after))
    assert page.ITEMS <= len(asked) < page.ITEMS + 12
    assert [(item.prompt, item.answer) for item in asked] == [(item.prompt, item.answer) for item in again]
    moved = [one.name for one, other in zip(before.families, after.families, strict=True) if one != other]
    assert moved == [family.name for family in before.families if family.kind == "reasoning"]


def test_the_lens_page_holds_every_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "LARGE", (3, 7))
    text = page._lens_page(tmp_path / "lens.html", 0).read_text(encoding="utf-8")
    view = json.loads(text.partition('id="view">')[2].partition("</script>")[0])
    (entry,) = view["lens_index"]
    assert entry["n_streams"] == 4 and entry["n_tokens"] == 7
