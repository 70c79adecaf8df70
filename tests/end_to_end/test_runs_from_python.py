"""`strata.locate`, `strata.compare` and `strata.load_run` against the terminal: the same runs, the same refusals."""

from __future__ import annotations

import json
import shutil
from dataclasses import fields
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from small_world import LETTERS, other, save_checkpoint, small_items, write_items
from transformers import AutoModelForCausalLM, AutoTokenizer

import strata
from strata.dashboards.cli import verb_compare, verb_locate
from strata.dashboards.cli.main import main
from strata.dashboards.cli.options import options_of
from strata.dashboards.from_python.finished_run import Run
from strata.dashboards.from_python.python_options import (
    CompareOptions,
    ComparingOptions,
    LocateOptions,
    MeasuringOptions,
)
from strata.dashboards.quick_settings import QUICK_LOCATE
from strata.experiments.compare.config import CompareConfig
from strata.experiments.items.jsonl import read_items
from strata.experiments.locate.config import LocateConfig
from strata.experiments.results.comparison_tables import COMPARISON_TABLES
from strata.experiments.results.locate_summary import Summary
from strata.experiments.results.locate_tables import HEADS, LOCATE_TABLES
from strata.experiments.results.probe_summary import ProbeSummary
from strata.probes.errors import DamagedError, StrataError

NAMES = (*(table.name for table in LOCATE_TABLES), HEADS.name)

FAST: dict[str, Any] = {
    "draws": 200, "lens_maps": 1, "causal_map": "none", "random_init": False, "folds": 2, "batch_tokens": 64,
}  # fmt: skip
TYPED = [
    *("--draws", "200", "--lens-maps", "1", "--causal-map", "none", "--no-random-init", "--folds", "2"),
    *("--batch-tokens", "64", "--display", "none"),
]
PAIR: dict[str, Any] = {
    **FAST,
    "swap_pairs": 0,
    "generated": 0,
    "transferred": 0,
    "contrast_items": 0,
    "spectra": False,
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_checkpoint(tmp_path_factory.mktemp("models") / "<i>tiny")


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_items(tmp_path_factory.mktemp("items") / "items.jsonl")


@pytest.fixture(scope="module")
def made(model: Path, items: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return strata.locate(str(model), tmp_path_factory.mktemp("runs") / "python", items=items, **FAST)


@pytest.fixture(scope="module")
def pair(model: Path, items: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    tuned = other(tmp_path_factory.mktemp("models") / "tuned", model, seed=1)
    again = other(tmp_path_factory.mktemp("models") / "again", model, seed=2)
    out = tmp_path_factory.mktemp("runs") / "pair"
    return strata.compare(str(model), str(tuned), out, items=items, distilled_seeds=(str(again),), **PAIR)


def test_further_seeds_are_asked_from_python_too(pair: Run) -> None:
    assert [row["model"] for row in pair.table("asked_distilled-1").slice(0, 1).to_pylist()] == ["distilled-1"]
    assert "--distilled-seeds" in pair.manifest.command


@pytest.fixture
def copied(made: Run, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made.directory, tmp_path / "copy"))


def same_numbers(first: Path, second: Path) -> None:
    for name in NAMES:
        assert pq.read_table(first / f"{name}.parquet").equals(pq.read_table(second / f"{name}.parquet")), name


def test_python_and_the_terminal_make_one_and_the_same_run(made: Run, model: Path, items: Path, tmp_path: Path) -> None:
    assert main(["locate", str(model), "--items", str(items), "--out", str(tmp_path / "typed"), *TYPED]) == 0
    assert made.summary.as_json() == json.loads((tmp_path / "typed" / "summary.json").read_text())
    same_numbers(made.directory, tmp_path / "typed")
    there, here = ({file.name for file in run.iterdir()} for run in (made.directory, tmp_path / "typed"))
    assert there == here and made.report == made.directory / "report.html"


def test_the_command_in_the_manifest_takes_the_run_up_again(made: Run, capfd: pytest.CaptureFixture[str]) -> None:
    before = made.manifest.stages["capture"]
    assert main([*made.manifest.command[1:], "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["run"] == str(made.directory)
    assert strata.load_run(made.directory).manifest.stages["capture"] == before


def test_a_second_call_reads_what_is_there(made: Run, model: Path, items: Path) -> None:
    # The same items at hand instead of in their file are the same question.
    again = strata.locate(str(model), made.directory, items=read_items(items), **FAST)
    assert (
        again.summary.as_json() == made.summary.as_json()
        and again.manifest.stages.keys() == made.manifest.stages.keys()
    )
    with pytest.raises(StrataError, match="another configuration"):
        strata.locate(str(model), made.directory, items=read_items(items), **FAST, seed=1)


def test_a_model_in_memory_gives_the_numbers_of_its_directory(
    made: Run, model: Path, items: Path, tmp_path: Path
) -> None:
    given = AutoModelForCausalLM.from_pretrained(model), AutoTokenizer.from_pretrained(model)
    run = strata.locate(given, tmp_path / "memory", items=items, **FAST)
    there, here = (each_run.table("profiles")["value"].to_pylist() for each_run in (made, run))
    assert here == pytest.approx(there, abs=1e-5, nan_ok=True)
    assert isinstance(run.summary, Summary) and run.summary.checkpoint.spec == "in memory"


def test_families_are_named_and_quick_sizes_fill_in_what_is_not_given(model: Path, tmp_path: Path) -> None:
    run = strata.locate(str(model), tmp_path, items=["capital", "addition"], quick=True, **{**FAST, "per_family": 3})
    assert {item.family for item in run.items} == {"capital", "addition"} and len(run.items) == 6
    asked = run.manifest.config
    assert asked is not None and (asked["per_family"], asked["draws"]) == (3, 200)
    assert (asked["pairs"], asked["damage_texts"]) == (QUICK_LOCATE["pairs"], QUICK_LOCATE["damage_texts"])
    assert isinstance(run.summary, Summary) and run.summary.quick and "quick run" in run._repr_html_()


def test_a_run_hands_out_what_the_files_hold(made: Run) -> None:
    run = strata.load_run(made.directory)
    assert run.verb == "locate" and run.tables == NAMES and run.models == {}
    assert run.summary.as_json() == json.loads((made.directory / "summary.json").read_text())
    assert [item.id for item in run.items] == [item["id"] for item in small_items()]
    for name in run.tables:
        arrow, frame = run.table(name), run.to_pandas(name)
        assert arrow.equals(pq.read_table(made.directory / f"{name}.parquet"))
        assert frame.shape == (arrow.num_rows, arrow.num_columns)


def test_a_comparison_hands_out_itself_and_its_models(pair: Run) -> None:
    run = strata.load_run(pair.directory)
    assert run.verb == "compare" and {table.name for table in COMPARISON_TABLES} <= set(run.tables)
    assert run.comparison.as_json() == json.loads((pair.directory / "comparison.json").read_text())
    assert list(run.models) == ["base", "distilled"] and run.models["base"].tables == NAMES
    assert all(each_run.report is not None for each_run in (run, *run.models.values()))
    with pytest.raises(StrataError, match=r"Read \.comparison, or \.models\['base'\]\.summary"):
        _ = run.summary
    with pytest.raises(StrataError, match=r"nothing is compared in it\. Read \.summary"):
        _ = run.models["base"].comparison


def test_models_in_memory_are_compared_in_all_but_their_weights(pair: Run, items: Path, tmp_path: Path) -> None:
    specs = [model.spec for model in pair.comparison.models.values()]
    base, tuned = ((AutoModelForCausalLM.from_pretrained(spec), AutoTokenizer.from_pretrained(spec)) for spec in specs)
    run = strata.compare(base, tuned, tmp_path / "memory", items=items, **PAIR)
    assert run.comparison.pair_check["distilled"].verdict == "unclear"
    reasons = [entry.why.said or "" for entry in run.comparison.not_comparable]
    assert any("handed over in memory" in reason for reason in reasons)
    assert run.table("weights").num_rows == 0 < pair.table("weights").num_rows
    there, here = (each_run.table("similarity")["value"].to_pylist() for each_run in (pair, run))
    assert here == pytest.approx(there, abs=1e-4, nan_ok=True) and len(here) > 0


def test_a_notebook_shows_verdict_kinds_and_page_with_foreign_text_escaped(
    made: Run, pair: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(made.directory.parent)
    for run in (made, pair):
        shown = run._repr_html_()
        assert "<i>tiny" not in shown and "&lt;i&gt;tiny" in shown
        assert all(f"<td>{kind}</td>" in shown for kind in ("knowledge", "reasoning"))
    assert 'href="python/report.html"' in made._repr_html_()
    for kind in ("Knowledge", "Reasoning"):
        assert f"{kind} was not looked for: no intervention was made" in made._repr_html_()
    assert "is undetermined here" in pair._repr_html_()


def test_python_takes_every_option_of_the_experiments() -> None:
    own = {"families", "prompt_prefix", "seed", "quick", "paired_with"}
    assert set(MeasuringOptions.__annotations__) == {field.name for field in fields(LocateConfig)} - own
    own = {"locate", "swap_sweeps"}
    assert set(ComparingOptions.__annotations__) == {field.name for field in fields(CompareConfig)} - own


@pytest.mark.parametrize(("verb", "options"), [(verb_locate, LocateOptions), (verb_compare, CompareOptions)])
def test_python_and_the_terminal_have_the_same_options(verb: Any, options: Any) -> None:
    said_otherwise = {"out", "items", "families", "quick", "seed", "control", "display", "json", "open"}
    assert set(options.__annotations__) == {option.name for option in options_of(verb.Options)} - said_otherwise


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"drawz": 100}, "has no option 'drawz'. Did you mean draws?"),
        ({"families": ["capital"]}, "Give their names as items"),
        ({"items": [1, 2]}, "items holds a int"),
        ({"items": []}, "No items were given"),
        ({"items": "no-such-file.jsonl"}, "Can't read the item file no-such-file.jsonl"),
        ({"items": ["capitol"]}, "There is no item family, kind or domain 'capitol'"),
        ({"draws": 3}, "Give at least 100"),
        ({"batch_tokens": 0}, "batch_tokens is 0. Give"),
        ({"dtype": "float99"}, "float99"),
    ],
)
def test_a_bad_argument_is_one_sentence_with_a_remedy(
    options: dict[str, Any], message: str, model: Path, tmp_path: Path
) -> None:
    with pytest.raises(StrataError) as raised:
        strata.locate(str(model), tmp_path / "run", **options)
    assert message in str(raised.value) and raised.value.remedy


def test_no_items_are_no_selection_of_them_either(model: Path, tmp_path: Path) -> None:
    for items in ([], (), iter([])):
        with pytest.raises(StrataError, match="No items were given"):
            strata.compare(str(model), str(model), tmp_path / "run", items=items)
        assert not (tmp_path / "run").exists()


def test_an_opened_model_is_not_opened_another_way(model: Path, items: Path, tmp_path: Path) -> None:
    opened = strata.open_checkpoint(str(model))
    with pytest.raises(StrataError, match="dtype can't be chosen for a model in memory"):
        strata.locate(opened, tmp_path / "run", items=items, dtype="bfloat16", **FAST)


@pytest.mark.parametrize("place", ["absent", "file", "stranger", "unfinished", "other verb"])
def test_what_is_no_finished_run_says_so(place: str, copied: Path, tmp_path: Path) -> None:
    directory, message = tmp_path / "absent", "is not a run directory"
    if place == "file":
        directory = write_items(tmp_path / "items.jsonl")
    elif place == "stranger":
        directory = tmp_path
    elif place == "unfinished":
        (copied / "summary.json").unlink()
        directory, message = copied, "is not finished. Start the same command again"
    elif place == "other verb":
        directory, message = tmp_path / "distilled", "was made by strata distill"
        directory.mkdir()
        (directory / "manifest.json").write_text(json.dumps({"schema": "strata.manifest/1", "verb": "distill"}))
    with pytest.raises(StrataError, match=message):
        strata.load_run(directory)


@pytest.mark.parametrize("name", ["manifest.json", "summary.json", "items.jsonl", "curves.parquet", "families.json"])
def test_a_changed_file_is_never_handed_out(name: str, copied: Path) -> None:
    content = bytearray((copied / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copied / name).write_bytes(content)
    with pytest.raises(DamagedError):
        strata.load_run(copied)


def test_a_table_that_is_damaged_later_is_not_handed_out_either(copied: Path) -> None:
    run = strata.load_run(copied)
    with (copied / "curves.parquet").open("ab") as file:
        file.write(b"more")
    with pytest.raises(DamagedError):
        run.table("curves")
    with pytest.raises(StrataError, match="Did you mean curves"):
        run.table("curve")


def test_a_probe_of_own_labels_is_read_and_shown_too(model: Path, tmp_path: Path) -> None:
    table = tmp_path / "mine.jsonl"
    rows = [{"prompt": f"the {letter} is", "sort": "<b>early" if letter < "g" else "late"} for letter in LETTERS]
    table.write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ["--text", "prompt", "--target", "sort", "--folds", "3", "--shuffles", "19", "--no-random-init"]
    assert main(["probe", str(model), str(table), *words, "--out", str(tmp_path / "run"), "--display", "none"]) == 0
    run = strata.load_run(tmp_path / "run")
    assert (
        run.verb == "probe"
        and isinstance(run.summary, ProbeSummary)
        and run.summary.target == "sort"
        and run.report is not None
    )
    assert run.to_pandas("predictions").shape[0] == len(rows) * 4  # streams
    assert "&lt;b&gt;early" in run._repr_html_() and "<b>early" not in run._repr_html_()
    with pytest.raises(StrataError, match="texts and labels of a table"):
        _ = run.items
    run.report.unlink()
    assert main(["report", str(run.directory)]) == 0 and run.report is not None
