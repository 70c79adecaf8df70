"""`strata diff` tells what differs between two runs and nothing else, and refuses in one sentence what it can't read."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

from finished_runs import started_run, write_finished_run
from synthetic_localisation import localisation

from strata.dashboards.cli.main import main
from strata.experiments.results.run_difference import leaves_apart
from strata.experiments.run.diff_runs import diff_runs
from strata.experiments.run.finished import finished_run


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("runs")
    write_finished_run(root / "first", folds=5)
    write_finished_run(root / "again", folds=5)
    write_finished_run(root / "other", seed=1, folds=3, spec="tiny\x1b[31m</script>", found=moved())
    return root


def moved():
    """The same with `capital` made one block later and a cell's effect 0.2 larger."""
    found = localisation(12)
    capital = found.families["capital"]
    assert capital.place is not None
    place = capital.place.model_copy(update={"first": capital.place.first + 1, "last": capital.place.last + 1})
    effect = capital.cells["move"].effect
    assert effect is not None
    cell = capital.cells["move"].model_copy(update={"effect": effect.model_copy(update={"value": effect.value + 0.2})})
    changed = capital.model_copy(update={"place": place, "cells": {**capital.cells, "move": cell}})
    return found.model_copy(update={"families": {**found.families, "capital": changed}})


def test_two_runs_that_say_the_same_differ_in_nothing(runs: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", str(runs / "first"), str(runs / "again"), "--fail-on-difference"]) == 0
    shown = capfd.readouterr().out
    assert "Their results are the same" in shown and "Numbers" not in shown and "Configuration" not in shown


def test_what_differs_is_told_and_nothing_else(runs: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", str(runs / "first"), str(runs / "other"), "--fail-on-difference"]) == 1
    shown = capfd.readouterr().out
    assert "\x1b" not in shown and "tiny\\x1B[31m</script>" in shown
    assert "folds" in shown and "blocks 6–8" in shown and "blocks 5–7" in shown
    assert "families › capital › cells › move › effect › value" in shown and "currency" not in shown
    found = diff_runs(finished_run(runs / "first"), finished_run(runs / "other"))
    assert [row.path for row in found.configuration] == [("seed",), ("folds",)]
    assert [row.family for row in found.families] == ["capital"] and not found.same_result
    assert [(number.path[-2], round(number.values[1] - number.values[0], 6)) for number in found.leaves.numbers[:1]] == [("effect", 0.2)]  # fmt: skip


def test_json_is_one_object_with_its_schema(runs: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", str(runs / "first"), str(runs / "other"), "--json", "--tolerance", "0.5"]) == 0
    told = json.loads(capfd.readouterr().out)
    assert told["schema"] == "strata.difference/1" and told["families"][0]["family"] == "capital"
    assert told["leaves"]["numbers"] == []


@pytest.mark.parametrize("state", ["unfinished", "newer", "damaged", "absent", "misspelt"])
def test_what_is_no_finished_run_is_refused_in_one_sentence(
    runs: Path, tmp_path: Path, state: str, capfd: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    if state == "unfinished":
        started_run(run)
    elif state in ("newer", "damaged"):
        write_finished_run(run)
        text = (run / "summary.json").read_text(encoding="utf-8")
        changed = text.replace("strata.summary/2", "strata.summary/9") if state == "newer" else text[:-40]
        (run / "summary.json").write_text(changed, encoding="utf-8")
    elif state == "misspelt":
        run = runs / "frist"
    assert main(["diff", str(runs / "first"), str(run)]) == 2
    told = capfd.readouterr().err
    words = {
        "unfinished": "is not finished",
        "newer": "'strata.summary/9', this Strata reads 'strata.summary/2'",
        "damaged": "summary.json is damaged",
        "absent": "it isn't there",
        "misspelt": f"Did you mean {runs / 'first'}?",
    }
    assert words[state] in told and told.count("\n") == 1 and "Traceback" not in told


def test_runs_of_other_commands_are_compared_by_their_settings(runs: Path) -> None:
    first, other = finished_run(runs / "first"), finished_run(runs / "other")
    manifest = other.manifest.model_copy(update={"verb": "probe"})
    found = diff_runs(first, type(other)(other.directory, manifest, other.result, (), {}))
    assert "other-command" in found.apart and found.configuration and not found.families and found.same_result


def test_numbers_nulls_lists_and_codes_are_told_apart() -> None:
    first = {"x": 1.0, "n": None, "p": [0.1, None, 3.0], "code": "a", "same": [1, 2], "gone": {"y": 1}, "empty": []}
    second = {"x": 1.0005, "n": 2.0, "p": [0.1, None, 3.5], "code": "b", "same": [1, 2], "gone": None, "empty": None}
    found = leaves_apart(first, second, 0.001)
    assert [(number.path, number.entry) for number in found.numbers] == [(("p",), 2), (("n",), None)]
    assert [code.path for code in found.codes] == [("code",)]
    assert [(only.path, only.run) for only in found.only] == [(("gone",), "first")]


def test_another_order_of_heads_is_no_difference() -> None:
    heads = [{"cell": "move", "layer": 1, "head": head, "effect": 0.1 * head} for head in (1, 2)]
    assert leaves_apart({"heads": heads}, {"heads": heads[::-1]}, 0.001).numbers == ()


def test_a_list_of_loci_beside_none_is_told_by_its_cells() -> None:
    loci = [{"cell": "move", "first": 3}, {"cell": "move", "first": 7}]
    found = leaves_apart({"loci": loci}, {"loci": []}, 0.001)
    assert [(only.path, only.run) for only in found.only] == [
        (("loci", "move"), "first"),
        (("loci", "move #2"), "first"),
    ]


def test_a_verdict_is_told_once(tmp_path: Path, runs: Path) -> None:
    found = localisation(12)
    order = found.order.model_copy(update={"verdict": "together"})
    write_finished_run(tmp_path / "run", folds=5, found=found.model_copy(update={"order": order}))
    told = diff_runs(finished_run(runs / "first"), finished_run(tmp_path / "run"))
    assert [(row.of, row.verdicts[1]) for row in told.verdicts] == [("order", "together")]
    assert told.leaves.codes == () and not told.same_result


def test_a_number_of_any_size_is_a_number() -> None:
    found = leaves_apart({"n": 10**400, "m": 10**400}, {"n": 1, "m": 10**400}, 0.001)
    assert [number.path for number in found.numbers] == [("n",)]
