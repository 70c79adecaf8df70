"""`strata sweep` as a person runs it, on tiny local checkpoints: runs, table, page, going on, what can't be made, the plan."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from planted_models import write_planted

from strata.dashboards.cli import main
from strata.dashboards.from_python.finished_run import load_run
from strata.experiments.locate.causal import pipeline
from strata.experiments.locate.causal.family_decision import FamilyPairs
from strata.experiments.locate.causal.family_measurements import FamilyMeasurements
from strata.experiments.results.locate_summary import Summary
from strata.experiments.results.sweep_tables import MEASURES
from strata.probes.checkpoints.checkpoint import Checkpoint

OPTIONS = """
[options]
causal_map = "quick"
pairs = 4
draws = 100
random_init = false
lens_maps = 0
folds = 2
damage_texts = 2
positions = ["last"]
batch_tokens = 4096
"""
FAMILIES, ITEMS = ("fact", "sum"), 24
"""Families of the planted model, and how many items of each are asked."""
ALONE = ("--engine", "sequential", "--display", "none")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sweep")
    base = write_planted(folder / "planted", n_layers=5, retrieval=1, reasoning=3, decoy=None)
    tuned = write_planted(folder / "moved", n_layers=5, retrieval=2, reasoning=3, decoy=None)
    base.checkpoint.rename(folder / "base")
    tuned.checkpoint.rename(folder / "tuned")
    items = [json.loads(line) for line in base.items.read_text().splitlines()]
    asked = [item for family in FAMILIES for item in [one for one in items if one["family"] == family][:ITEMS]]
    (folder / "items.jsonl").write_text("".join(f"{json.dumps(item)}\n" for item in asked))
    write_sweep(folder, "[0, 0.5]")
    assert main(["sweep", str(folder / "sweep.toml"), "--out", str(folder / "out"), *ALONE]) == 0
    return folder


def write_sweep(folder: Path, doses: str, name: str = "sweep.toml", more: str = "", options: str = OPTIONS) -> Path:
    file = folder / name
    file.write_text(
        f'items = ["{folder / "items.jsonl"}"]\n{more}\n[dose]\nbase = "{folder / "base"}"\n'
        f'distilled = "{folder / "tuned"}"\ndoses = {doses}\n{options}'
    )
    return file


def runs_of(out: Path) -> list[dict[str, object]]:
    runs: list[dict[str, object]] = json.loads((out / "sweep.json").read_text())["runs"]
    return runs


def test_every_dose_is_a_run_and_the_table_holds_what_they_say(world: Path) -> None:
    runs = runs_of(world / "out")
    assert [run["at"] for run in runs] == [0.0, 0.5]
    rows = pq.read_table(world / "out" / "trajectories.parquet").to_pandas()
    assert set(rows["measure"]) <= set(MEASURES) and {"accuracy", "effect", "onset.probe"} <= set(rows["measure"])
    for run in runs:
        own = load_run(world / "out" / str(run["directory"]))
        mine = rows[rows["run"] == run["directory"]]
        assert isinstance(own.summary, Summary)
        families = own.summary.families
        said = mine[(mine["measure"] == "accuracy") & mine["family"].notna()].set_index("family")["value"]
        assert said.to_dict() == {name: family.behaviour.accuracy.value for name, family in families.items()}
        behaviour = own.to_pandas("behaviour").dropna(subset="answered")
        shares = mine[(mine["measure"] == "accuracy") & mine["family"].isna()].set_index("kind")["value"]
        for kind, share in behaviour.groupby("kind")["answered"].mean().items():
            assert shares[kind] == pytest.approx(share)
        effects = mine[(mine["measure"] == "effect") & (mine["family"] == "fact")].set_index("cell")["value"]
        assert effects.to_dict() == {
            cell: each.effect.value for cell, each in families["fact"].cells.items() if each.effect
        }


def test_a_second_start_makes_nothing_and_a_longer_file_only_what_is_new(
    world: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = {file: file.stat().st_mtime_ns for file in (world / "out" / "runs").rglob("*")}
    longer = write_sweep(world, "[0, 0.5]", "longer.toml", f'checkpoints = ["{world / "base"}", "gpt5"]')
    assert main(["sweep", str(longer), "--out", str(world / "out"), *ALONE]) == 1
    said = capfd.readouterr().out
    assert "3 of 4 runs are made" in said and "There is no checkpoint 'gpt5' here" in said
    assert {file: file.stat().st_mtime_ns for file in before} == before
    # The end of a dose is the checkpoint itself: the same question, so the same run, number by number.
    runs = {
        run["checkpoint"]: load_run(world / "out" / str(run["directory"]))
        for run in runs_of(world / "out")
        if run["run_id"]
    }
    alone, end = runs[str(world / "base")], runs[f"{world / 'base'}~0~{world / 'tuned'}"]
    assert end.finished.manifest.run_id == alone.finished.manifest.run_id
    for table in alone.tables:
        assert end.table(table).equals(alone.table(table)), table
    assert main(["sweep", str(world / "sweep.toml"), "--out", str(world / "out"), *ALONE]) == 0
    assert "2 of 2 runs are made" in capfd.readouterr().out


def test_other_options_are_refused_where_a_sweep_stands(world: Path, capfd: pytest.CaptureFixture[str]) -> None:
    other = write_sweep(world, "[0]", "other.toml", options=OPTIONS.replace("folds = 2", "folds = 3"))
    assert main(["sweep", str(other), "--out", str(world / "out"), *ALONE]) == 2
    assert "folds: 2 there, 3 now" in capfd.readouterr().err


def test_the_page_holds_a_figure_of_every_view_and_links_to_the_runs(world: Path) -> None:
    view = json.loads((world / "out" / "view.json").read_text())
    assert view["schema"] == "strata.sweep-view/1" and view["axis"]["kind"] == "dose"
    accuracy = next(panel for panel in view["panels"] if (panel["view"], panel["subject"]) == ("accuracy", "knowledge"))
    assert [line["name"] for line in accuracy["lines"]] == ["fact", "all families"]
    assert accuracy["lines"][0]["at"] == [0.0, 0.5]
    page = (world / "out" / "report.html").read_text()
    for run in view["runs"]:
        assert (world / "out" / run["href"]).exists() and f'href="{run["href"]}"' in page
    run = load_run(world / "out")
    figure = run.figure("cells", "knowledge/fact")
    assert len(figure.data) == 4 and list(figure.data[0].x) == pytest.approx([0.0, 0.5], abs=0.01)
    assert [run["checkpoint"] for run in view["runs"]] == ["base~0~tuned", "base~0.5~tuned"]
    assert view["runs"][0]["item_file"].endswith("items.jsonl") and "built-in" not in page
    assert "2 of 2 runs are made" in run._repr_html_()
    assert main(["report", str(world / "out")]) == 0


@pytest.mark.thorough
def test_shards_are_put_together_to_the_tables_of_an_undivided_run(
    world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[str] = []
    measure = pipeline.measure_family

    def counted(checkpoint: Checkpoint, family: FamilyPairs, **how: Any) -> FamilyMeasurements:
        measured.append(family.name)
        return measure(checkpoint, family, **how)

    monkeypatch.setattr(pipeline, "measure_family", counted)
    divided = write_sweep(world, "[0]", "divided.toml", "shards = 2")
    assert main(["sweep", str(divided), "--out", str(world / "divided"), *ALONE]) == 0
    together = load_run(world / "divided" / str(runs_of(world / "divided")[0]["directory"]))
    whole = next(
        load_run(world / "out" / str(run["directory"]))
        for run in runs_of(world / "out")
        if "~0~" in str(run["checkpoint"])
    )
    assert together.finished.manifest.run_id == whole.finished.manifest.run_id
    for table in whole.tables:
        assert together.table(table).equals(whole.table(table)), table
    assert isinstance(whole.summary, Summary) and together.summary.as_json() == whole.summary.as_json()
    # Each family in one part, and none again where they are put together.
    assert sorted(measured) == sorted(name for name, of in whole.summary.families.items() if of.cells)
    assert not list((world / "divided" / "shards").iterdir())


@pytest.mark.parametrize(
    ("options", "words", "says"),
    [
        ("[options]\nseed = 3", (), "Write seeds = […]"),
        ("[options]\nper_famly = 3", (), "Did you mean per_family?"),
        ("[options]\nfolds = 'many'", (), "folds in"),
        ("[options]\ntrust_remote_code = true", (), "only the command line may do"),
        ("", ("--engine", "sequential", "--workers", "2"), "--workers is about a cluster"),
        ("", ("--address", "h:1", "--workers", "2"), "--workers is about a local cluster"),
    ],
)
def test_what_a_sweep_can_not_be_asked_is_one_sentence(
    world: Path, options: str, words: tuple[str, ...], says: str, capfd: pytest.CaptureFixture[str]
) -> None:
    file = write_sweep(world, "[0]", "odd.toml", options=options)
    assert main(["sweep", str(file), "--out", str(world / "odd"), "--display", "none", *words]) == 2
    said = capfd.readouterr().err
    assert says in said and said.count("\n") == 1


def test_a_plan_counts_what_is_made_and_names_what_can_not_be(world: Path, capfd: pytest.CaptureFixture[str]) -> None:
    longer = write_sweep(world, "[0, 0.5, 0.9]", "planned.toml", 'checkpoints = ["gpt5"]')
    words = ["plan", "sweep", str(longer), "--out", str(world / "out"), "--no-trial", "--display", "none", "--json"]
    assert main(words) == 1
    plan = json.loads(capfd.readouterr().out)
    assert [(cost["runs"], cost["made"]) for cost in plan["checkpoints"]] == [(1, 0), (1, 1), (1, 1), (1, 0)]
    assert "There is no checkpoint 'gpt5'" in plan["checkpoints"][0]["why_not"]
    costs = plan["checkpoints"][1:]
    assert len({cost["memory_bytes"] for cost in costs}) == 1 and plan["memory_bytes"] == costs[0]["memory_bytes"] > 0
