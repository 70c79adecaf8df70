"""`strata capture`: a file or families in, shards out that Python reads; every bad input is one sentence."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pandas as pd
import pytest
import torch

import strata
from strata.dashboards.cli import main
from strata.experiments.probe.config import ProbeConfig
from strata.experiments.probe.labelled import labelled_items
from strata.probes.capture import directory
from strata.probes.verification.architectures.tiny_checkpoint import save_tiny

FAST = ("--display", "none")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    directory = tmp_path_factory.mktemp("models") / "tiny"
    save_tiny("llama", directory, 0)
    return str(directory)


@pytest.fixture
def texts(tmp_path: Path) -> str:
    file = tmp_path / "texts.txt"
    file.write_bytes("\ufeffa b c\r\n\n  \nd e\n".encode())
    return str(file)


def test_lines_of_a_text_file_are_captured_as_python_captures_them(
    model: str, texts: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert (
        main(["capture", model, texts, "--sites", "streams,mlp_out.1", "--positions=-2,last", "--out", str(out), *FAST])
        == 0
    )
    stdout, stderr = capfd.readouterr()
    assert stderr == f"{texts}: 2 blank lines are excluded\n"
    assert stdout.startswith("2 texts in 1 shards") and f"strata.load_captured({str(out)!r})" in stdout
    captured = strata.load_captured(out)
    assert captured.ids == ("1", "4") and captured.texts == ("a b c", "d e") and captured.positions == (-2, "last")
    wanted = strata.capture(model, ["a b c", "d e"], sites=["streams", "mlp_out.1"], positions=[-2, "last"])
    assert torch.equal(captured.values, wanted.values)


def test_items_come_from_a_file_or_from_families_by_name(
    model: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["--layers", "1", "--positions", "last,operand", "--json"]
    assert (
        main(["capture", model, "addition", "--per-family", "4", "--limit", "3", "--out", str(tmp_path / "a"), *words])
        == 0
    )
    report = json.loads(capfd.readouterr().out)
    assert (report["schema"], report["texts"], report["new"]) == ("strata.captured/1", 3, 3)
    items = strata.load_items("addition", per_family=4, checkpoint=strata.open_checkpoint(model))[:3]
    file = tmp_path / "items.jsonl"
    assert main(["items", "show", "addition", "--per-family", "4", "--out", str(file)]) == 0
    assert main(["capture", model, str(file), "--limit", "3", "--out", str(tmp_path / "b"), *words]) == 0
    of_families = strata.load_captured(tmp_path / "a")
    assert of_families.texts == tuple(item.prompt for item in items) and of_families.sites == (("resid_pre", 1),)
    assert len(strata.load_captured(tmp_path / "b")) == 3


@pytest.mark.parametrize("suffix", ["jsonl", "json", "csv", "tsv", "parquet"])
@pytest.mark.parametrize(("field", "words"), [("prompt", ()), ("text", ()), ("review", ("--text", "review"))])
def test_the_tables_that_probe_reads_are_captured(
    model: str, tmp_path: Path, suffix: str, field: str, words: tuple[str, ...]
) -> None:
    frame = pd.DataFrame({field: ["a b c", "d e"], "stars": [5, 1]})
    file, out = tmp_path / f"table.{suffix}", tmp_path / "out"
    match suffix:
        case "csv" | "tsv":
            frame.to_csv(file, index=False, sep="," if suffix == "csv" else "\t")
        case "json" | "jsonl":
            frame.to_json(file, orient="records", lines=suffix == "jsonl")
        case "parquet":
            frame.to_parquet(file)
    assert main(["capture", model, str(file), *words, "--layers", "1", "--out", str(out), *FAST]) == 0
    captured, labelled = strata.load_captured(out), labelled_items(str(file), ProbeConfig("stars", text=field))
    assert captured.texts == tuple(item.prompt for item in labelled.items) == ("a b c", "d e")
    assert captured.ids == tuple(item.id for item in labelled.items)


def test_an_item_that_breaks_the_schema_is_refused_with_its_row(
    model: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "items.jsonl"
    rows = [
        {"id": name, "kind": kind, "family": "f", "prompt": "a", "answer": " b"}
        for name, kind in (("x", "knowledge"), ("y", "odd"))
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert main(["capture", model, str(file), "--out", str(tmp_path / "out"), *FAST]) == 2
    assert "items.jsonl, row 2: field 'kind'" in capfd.readouterr().err and not (tmp_path / "out").exists()


def test_a_signal_keeps_what_was_run_and_the_same_command_goes_on(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "texts.txt"
    file.write_text("".join(f"{'a b ' * length}c\n" for length in range(1, 13)))
    command = ["capture", model, str(file), "--batch-tokens", "8", "--out", str(tmp_path / "out")]
    write, monkeypatched = directory.ActivationStore.write, monkeypatch.setattr
    monkeypatched(directory, "_SHARD_TEXTS", 3)

    def write_and_interrupt(*arguments: object, **options: object) -> None:
        write(*arguments, **options)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatched(directory.ActivationStore, "write", write_and_interrupt)
    assert main([*command, "--display", "plain"]) == 130
    assert f"Go on: strata {' '.join(command)}" in capfd.readouterr().err.replace("\n", " ")
    monkeypatched(directory.ActivationStore, "write", write)
    assert main([*command, "--json"]) == 0
    report = json.loads(capfd.readouterr().out)
    assert report["texts"] == 12 and 0 < report["new"] < 12
    assert len(strata.load_captured(tmp_path / "out")) == 12


def test_bad_input_is_one_sentence_and_leaves_nothing(
    model: str, texts: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    empty, latin, bad = tmp_path / "empty.txt", tmp_path / "latin.txt", tmp_path / "bad.jsonl"
    empty.write_text("\n \n")
    latin.write_bytes(b"caf\xe9\n")
    bad.write_text('{"id": "1"}\n')
    out = tmp_path / "out"
    for words, sentence in (
        ([texts], "capture needs --out"),
        ([texts, "--text", "a", "--out", str(out)], "texts.txt holds one text a line"),
        (["capital", "--text", "a", "--out", str(out)], "and families were given"),
        ([texts, "capital", "--out", str(out)], "takes one file, or names of families"),
        (["capitol", "--out", str(out)], "capitol is no file; there is no item family"),
        (["none.jsonl", "--out", str(out)], "There is no file none.jsonl"),
        (["none.txt", "--out", str(out)], "none.txt could not be read (No such file"),
        ([str(empty), "--out", str(out)], "holds no text"),
        ([str(latin), "--out", str(out)], "is not UTF-8 (byte 4)"),
        (
            [str(bad), "--out", str(out)],
            "bad.jsonl has the field 'prompt' (--text). Name the field that holds the text with --text FIELD",
        ),
        ([texts, "--sites", "mlp", "--out", str(out)], "There is no site 'mlp'"),
        ([texts, "--layers", "9", "--out", str(out)], "There is no stream 9"),
        ([texts, "--positions", "subject", "--out", str(out)], "No text has a position 'subject'"),
        ([texts, "--out", str(tmp_path)], "holds something else already"),
    ):
        assert main(["capture", model, *words, *FAST]) == 2
        stderr = capfd.readouterr().err
        assert sentence in stderr and stderr.count("strata: ") == 1 and "Traceback" not in stderr
        assert not out.exists()


def test_another_choice_of_sites_needs_another_directory(
    model: str, texts: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "out")
    assert main(["capture", model, texts, "--out", out, *FAST]) == 0
    assert main(["capture", model, texts, "--out", out, "--sites", "mlp_out", *FAST]) == 2
    assert "captured with other settings (sites)" in capfd.readouterr().err
