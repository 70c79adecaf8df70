"""Do the items that a reader is sent to first gain most and least where their kind's answers are made?"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs

import pytest
from synthetic_run import write_synthetic_run

from strata.dashboards.view.build import build_report
from strata.dashboards.view.look_next import look_next


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_synthetic_run(tmp_path_factory.mktemp("look") / "run", hostile=False, without={"probes", "tuned"})


def test_they_are_the_extremes_of_their_kind_in_the_blocks_of_its_place(run: Path) -> None:
    report = build_report(run)
    view, items = report.view, report.view.items.columns
    assert report.localisation is not None and {look.where.split(",")[0] for look in view.look_next} >= {"knowledge"}
    for look in view.look_next:
        of = look.where.split(",")[0]
        asked = [parse_qs(item.link.removeprefix("#")) for item in look.items]
        assert [query["item"][0] for query in asked] == [item.item for item in look.items]
        cell, first, last = asked[0]["cell"][0], int(asked[0]["lo"][0]), int(asked[0]["hi"][0])
        part = next(part for part in view.effects.cells if part.cell == cell)
        gained = {
            name: sum(row[first : last + 1])
            for name, kind, family, reason, row in zip(items.item, items.kind, items.family, items.reason, part.gained, strict=True)
            if row is not None and not reason and of in (kind, family)
        }  # fmt: skip
        most, least = (item.item for item in look.items)
        assert gained[most] == max(gained.values()) and gained[least] == min(gained.values())
        assert f"{view.effects.step * gained[most]:.2f}" in look.items[0].says.replace("−", "-")


def test_nobody_is_sent_anywhere_where_no_item_was_edited(run: Path) -> None:
    report = build_report(run)
    bare = report.view.effects.model_copy(update={"cells": ()})
    assert look_next(report.localisation, bare, report.view.items.columns) == ()
    assert look_next(None, report.view.effects, report.view.items.columns) == ()
