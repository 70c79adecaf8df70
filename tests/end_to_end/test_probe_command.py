"""`strata probe` as a person runs it, on a local word-level checkpoint: what is found, what isn't, resume, refusals, the page."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from small_world import LETTERS, save_checkpoint
from strata_process import strata

from strata.dashboards.cli import main
from strata.dashboards.page import write_probe_report
from strata.probes.checkpoints.open_spec import open_checkpoint
from strata.probes.linear import LinearProbe

FAST = ("--draws", "200", "--display", "plain", "--batch-tokens", "64")
HOSTILE = "</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_checkpoint(tmp_path_factory.mktemp("model") / "tiny")


def rows() -> list[dict[str, Any]]:
    """Texts that end alike, so that only what the blocks carry there can tell how they begin."""
    drawn = random.Random(0)
    texts = [
        (f"{word} {letter} {other} is in", word)
        for word in ("Paris", "France")
        for letter in LETTERS
        for other in LETTERS[:2]
    ]
    drawn.shuffle(texts)
    return [
        {
            "prompt": text, "meta": {"first": word}, "coin": drawn.choice(["heads", HOSTILE]), "writer": text.split()[1],
            "value": number / 7, "same": "x", "spans": {"first": [0, len(word)]},
        }
        for number, (text, word) in enumerate(texts)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("items") / "mine.jsonl", rows())


def write(file: Path, lines: list[dict[str, Any]]) -> Path:
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


@pytest.fixture(scope="module")
def first_run(checkpoint: Path, items: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The first word, read where the text ends."""
    out = tmp_path_factory.mktemp("runs") / "first"
    done = strata(
        "probe", checkpoint, items, "--target", "meta.first", "--cluster", "writer", "--positions", "last,first",
        "--shuffles", "39", "--out", out, *FAST,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return out, done.stdout


def summary_of(run: Path) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads((run / "summary.json").read_text())
    return summary


def test_what_the_blocks_carry_to_the_last_token_is_found_behind_them_and_not_before(
    first_run: tuple[Path, str],
) -> None:
    last = summary_of(first_run[0])["positions"]["last"]
    assert last["best"]["stream"] >= 1 and last["best"]["value"] > 0.9 and last["best"]["p"] == 1 / 40
    assert last["embedding"]["value"] <= 0.6 and last["majority"] == pytest.approx(0.5, abs=0.1)
    # At the word itself the embedding tells it, so that nothing rises above it.
    first = summary_of(first_run[0])["positions"]["first"]
    assert first["embedding"]["value"] == 1.0 and first["rises"]["stream"] is None


def test_the_terminal_says_best_stream_controls_and_where_it_rises(first_run: tuple[Path, str]) -> None:
    lines = first_run[1].splitlines()
    assert lines[0] == "meta.first at last: 48 items in 12 clusters, 2 labels (France 24, Paris 24)"
    assert lines[1].startswith("Best stream: ") and "p = 0.025" in lines[1] and "[" in lines[1]
    assert "The interval is that of this stream alone" in lines[1]
    assert lines[2].startswith("Controls: majority 0.50; embedding alone") and "random weights" in lines[2]
    assert lines[3].startswith("It rises above its controls (majority, embedding and random weights)")
    assert any("2 positions are probed" in line for line in lines) and lines[-1].startswith("report: ")


def test_labels_of_pure_noise_come_out_as_such(checkpoint: Path, items: Path, tmp_path: Path) -> None:
    done = strata(
        "probe", checkpoint, items, "--target", "coin", "--cluster", "writer", "--shuffles", "19", "--no-random-init", "--json",
        "--out", tmp_path / "coin", *FAST[:2], "--batch-tokens", "64",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["positions"]["last"]["best"]["p"] > 0.1
    assert summary["positions"]["last"]["rises"]["stream"] is None


def test_tables_hold_what_the_summary_says(first_run: tuple[Path, str]) -> None:
    run, _ = first_run
    last = summary_of(run)["positions"]["last"]
    predictions = [row for row in pq.read_table(run / "predictions.parquet").to_pylist() if row["position"] == "last"]
    assert len(predictions) == 48 * 4 and {row["item"] for row in predictions} == {str(n) for n in range(48)}
    at_best = [row["correct"] for row in predictions if row["stream"] == last["best"]["stream"]]
    assert np.mean(at_best) == pytest.approx(last["best"]["value"])
    assert all(row["correct"] == (row["label"] == row["predicted"]) for row in predictions)
    shuffles = pq.read_table(run / "shuffles.parquet").to_pandas()
    maxima = shuffles[shuffles["position"] == "last"].groupby("shuffle")["accuracy"].max()
    assert len(maxima) == 39 and maxima.mean() == pytest.approx(last["shuffled"]["best_mean"])
    folds = pq.read_table(run / "folds.parquet").to_pandas()
    assert len(folds) == 2 * 4 * 5 and (folds["n_train"] + folds["n_test"] == 48).all()


def test_no_cluster_stands_in_two_folds(first_run: tuple[Path, str]) -> None:
    predictions = pq.read_table(first_run[0] / "predictions.parquet").to_pandas()
    assert (predictions.groupby(["position", "cluster"])["fold"].nunique() == 1).all()


def test_the_fitted_probe_reads_fresh_activations(first_run: tuple[Path, str], checkpoint: Path) -> None:
    import strata as api

    probe = LinearProbe.load(first_run[0] / "probe-last.safetensors")
    assert probe.classes_ == ("France", "Paris") and probe.model_["position"] == "last"
    opened = open_checkpoint(str(checkpoint), device="cpu")
    assert probe.model_["weights_sha256"] == opened.identity.weights_sha256
    captured = api.capture(opened, [row["prompt"] for row in rows()])
    labels = [row["meta"]["first"] for row in rows()]
    best = summary_of(first_run[0])["positions"]["last"]["best"]["stream"]
    assert probe.score(captured, labels)[best] == 1.0
    again = LinearProbe().fit(captured, labels, [row["writer"] for row in rows()])
    np.testing.assert_allclose(probe.predict_proba(captured), again.predict_proba(captured), atol=1e-3)


def test_a_second_start_resumes_and_another_configuration_is_refused(
    first_run: tuple[Path, str], checkpoint: Path, items: Path
) -> None:
    run, printed = first_run
    before = {
        name: (run / name).stat().st_mtime_ns for name in ("accuracy.parquet", "summary.json", "probe-last.safetensors")
    }
    again = (
        "probe",
        checkpoint,
        items,
        "--target",
        "meta.first",
        "--cluster",
        "writer",
        "--positions",
        "last,first",
        "--out",
        run,
    )
    done = strata(*again, "--shuffles", "39", *FAST)
    assert done.returncode == 0 and done.stdout.splitlines()[:-1] == printed.splitlines()[:-1]
    assert before == {name: (run / name).stat().st_mtime_ns for name in before}
    other = strata(*again, "--shuffles", "19", *FAST)
    assert other.returncode == 2 and "shuffles: 39 there, 19 now" in other.stderr


def test_finished_parts_are_taken_over_after_a_stop(
    first_run: tuple[Path, str], checkpoint: Path, items: Path, tmp_path: Path
) -> None:
    import shutil

    cut = tmp_path / "cut"
    shutil.copytree(first_run[0], cut)
    expected = pq.read_table(cut / "accuracy.parquet").to_pylist()
    (cut / "accuracy.parquet").unlink()
    part = sorted((cut / "parts" / "probes").glob("*-model.safetensors"))[0]
    part.write_bytes(part.read_bytes()[:-4])  # a damaged part is made again
    done = strata(
        "probe", checkpoint, items, "--target", "meta.first", "--cluster", "writer", "--positions", "last,first",
        "--shuffles", "39", "--out", cut, *FAST,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert pq.read_table(cut / "accuracy.parquet").to_pylist() == expected


def test_a_changed_file_is_refused_by_the_page(first_run: tuple[Path, str], tmp_path: Path) -> None:
    import shutil

    run = tmp_path / "changed"
    shutil.copytree(first_run[0], run)
    assert strata("report", run).returncode == 0
    (run / "predictions.parquet").write_bytes((run / "shuffles.parquet").read_bytes())
    done = strata("report", run)
    assert done.returncode == 2 and "predictions.parquet" in done.stderr


def test_the_page_escapes_labels_and_holds_every_number_without_scripts(checkpoint: Path, tmp_path: Path) -> None:
    lines = [
        {"prompt": f"{word} {letter} {HOSTILE} in", "y": HOSTILE if word == "Paris" else "b"}
        for word in ("Paris", "France")
        for letter in LETTERS[:8]
    ]
    lines.append(lines[0])
    out = tmp_path / "hostile"
    done = strata(
        "probe", checkpoint, write(tmp_path / "h.jsonl", lines), "--target", "y", "--shuffles", "0", "--out", out, *FAST
    )
    assert done.returncode == 0, done.stderr
    assert (
        "No clusters were given: 2 items with the tokens of another" in done.stdout
        and "no p (--shuffles 0)" in done.stdout
    )
    page = write_probe_report(out).read_text()
    assert "<img src=x" not in page and "&lt;img src=x" in page
    assert page.count('<th scope="row">') >= 4  # one row a stream


def test_missing_labels_and_unreadable_texts_are_excluded_and_counted(checkpoint: Path, tmp_path: Path) -> None:
    lines = rows()
    for line in lines[:3]:
        line["meta"] = {"first": None}
    lines[3]["prompt"] = "a " * 200
    lines[3]["spans"] = {}
    out = tmp_path / "some"
    done = strata(
        "probe",
        checkpoint,
        write(tmp_path / "s.jsonl", lines),
        "--target",
        "meta.first",
        "--shuffles",
        "0",
        "--no-random-init",
        "--out",
        out,
        *FAST,
    )
    assert done.returncode == 0, done.stderr
    assert "Excluded: 3 items, no label; 1 item, the text is longer than the model's context" in done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--target", "meta.frist"), "No item of"),
        (("--target", "same"), "All 48 labels are 'x'"),
        (("--target", "value"), "a continuous target"),
        (("--target", "prompt"), "All 48 labels are different"),
        (("--target", "meta"), "holds an object, not a label"),
        (("--target", "meta.first", "--folds", "60"), "60 folds need at least 60 items"),
        (("--target", "meta.first", "--cluster", "writer", "--folds", "20"), "20 folds need at least 20 clusters"),
        (("--target", "meta.first", "--cluster", "meta.first"), "found in two or more clusters"),
        (("--target", "meta.first", "--positions", "subject"), "No item has the position 'subject'"),
        ((), "--target is missing"),
    ],
)
def test_what_cannot_be_probed_is_one_sentence_and_leaves_nothing(
    checkpoint: Path,
    items: Path,
    tmp_path: Path,
    words: tuple[str, ...],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "refused"
    assert main(["probe", str(checkpoint), str(items), *words, "--out", str(out), *FAST]) == 2
    last_line = capsys.readouterr().err.strip().splitlines()[-1]
    assert last_line.startswith("strata: ") and message in last_line
    assert not out.exists()
