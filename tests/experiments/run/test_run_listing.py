"""A directory of runs is listed from manifests and results; whatever is wrong with one is a row that says so."""

from __future__ import annotations

import json
import os
import random
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "dashboards"))

from finished_runs import started_run, write_finished_run

from strata.dashboards.sentences.listed_runs import place_lines, problem_words, progress_words
from strata.experiments.run.listing import RunList
from strata.experiments.run.progress_file import RunProgress
from strata.probes.errors import StrataError


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("listed")
    write_finished_run(root / "done", spec="tiny")
    write_finished_run(root / "deeper" / "inside" / "done", seed=1)
    running = started_run(root / "running")
    (root / "running" / "progress.json").write_text(
        json.dumps({"stage": "capture", "done": 340, "total": 1200, "unit": "items", "at": 1.0})
    )
    assert running.manifest.status == "running"
    started_run(root / "stopped").close("stopped")
    for name in ("cut", "changed", "newer", "no manifest", "newer manifest", "pipe", "no result"):
        write_finished_run(root / name)
    (root / "cut" / "summary.json").write_text('{"schema": "strata.summary/2", "kinds"')
    (root / "changed" / "summary.json").write_text((root / "changed" / "summary.json").read_text() + " ")
    manifest = json.loads((root / "newer" / "manifest.json").read_text())
    (root / "newer" / "summary.json").write_text('{"schema": "strata.summary/9"}')
    (root / "newer" / "manifest.json").write_text(
        json.dumps({key: value for key, value in manifest.items() if key not in ("files", "sha256")})
    )
    (root / "no manifest" / "manifest.json").write_text("{")
    (root / "newer manifest" / "manifest.json").write_text('{"schema": "strata.manifest/9"}')
    (root / "pipe" / "summary.json").unlink()
    os.mkfifo(root / "pipe" / "summary.json")
    (root / "no result" / "summary.json").unlink()
    (root / "not a run").mkdir()
    (root / "loop").symlink_to(root)
    return root


def test_every_run_is_a_row_with_its_state_and_what_is_wrong(root: Path) -> None:
    runs = {run.key: run for run in RunList(root).runs()}
    assert {key: run.state for key, run in runs.items()} == {
        "done": "done", "deeper/inside/done": "done", "running": "running", "stopped": "stopped", "cut": "damaged", "changed": "damaged",
        "newer": "other-version", "no manifest": "damaged", "newer manifest": "other-version", "pipe": "damaged", "no result": "damaged",
    }  # fmt: skip
    told = {key: problem_words(run, run.heard + 12) for key, run in runs.items()}
    assert told["running"] == "capture: 340 of 1,200 items (28 %), heard of 12 s ago"
    assert "checksum differs" in told["changed"] and "'strata.summary/9'" in told["newer"]
    assert "summary.json is missing" in told["no result"] and "resumes" in told["stopped"]
    assert all(str(root) not in words for words in told.values())
    assert place_lines(runs["done"], "knowledge") == ["move, blocks 5–7 [4, 8]"] and runs["done"].models == ("tiny",)


def test_what_has_not_changed_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        write_finished_run(tmp_path / str(number), seed=number)
    listed = RunList(tmp_path)
    before = listed.runs()
    read: list[Path] = []
    from strata.experiments.run import listing

    original = listing.read_manifest
    monkeypatch.setattr(listing, "read_manifest", lambda directory: (read.append(directory), original(directory))[1])
    (tmp_path / "1" / "report.html").write_text("page")
    after = listed.runs()
    assert read == [tmp_path / "1"] and [run.has_page for run in after] == [False, True, False]
    assert after[0] is before[0]


def test_a_directory_that_is_a_run_is_listed_and_one_that_is_not_there_is_refused(root: Path) -> None:
    assert [run.key for run in RunList(root / "done").runs()] == ["done"]
    with pytest.raises(StrataError, match="is not a directory"):
        RunList(root / "nowhere").runs()


def test_progress_without_a_total_has_no_share() -> None:
    assert progress_words(RunProgress(stage="fetching", done=3, unit="files")) == "fetching: 3 files"


@pytest.mark.parametrize("name", ["manifest.json", "summary.json"])
def test_whatever_a_file_holds_its_run_is_a_row(tmp_path: Path, name: str) -> None:
    run = write_finished_run(tmp_path / "run")
    manifest = json.loads((run / "manifest.json").read_text())
    unsigned = {key: value for key, value in manifest.items() if key not in ("files", "sha256")}
    (run / "manifest.json").write_text(json.dumps(unsigned))
    whole = json.loads((run / name).read_text())
    draw = random.Random(0)
    odd = [
        None,
        True,
        -1,
        10**400,
        float("nan"),
        float("inf"),
        "",
        "\x00</script>\ud83d",
        [],
        [1],
        {},
        {"a": 1},
        1e-300,
    ]
    states = set()
    for _ in range(60):
        changed = json.loads(json.dumps(whole))
        where = changed
        while True:
            key = draw.choice(list(where) if isinstance(where, dict) else range(len(where)))
            if draw.random() < 0.4 or not isinstance(where[key], dict | list) or not where[key]:
                where[key] = draw.choice(odd)
                break
            where = where[key]
        (run / name).write_text(json.dumps(changed))
        (listed,) = RunList(tmp_path).runs()
        states.add(listed.state)
        assert isinstance(problem_words(listed, listed.heard), str) and place_lines(listed, "knowledge") is not None
    assert {"done", "damaged"} <= states
