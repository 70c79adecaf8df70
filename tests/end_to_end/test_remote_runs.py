"""`strata locate` and `strata lens` of a model that isn't here: as with its weights here, and on from where a connection broke."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from ndif_server import Server
from planted_models import Planted, write_planted
from small_comparison import SHAPE, few_items

from strata.dashboards.cli.main import main
from strata.experiments.locate import probing
from strata.experiments.locate.causal import pipeline
from strata.experiments.locate.causal.family_decision import FamilyPairs
from strata.experiments.locate.causal.family_measurements import FamilyMeasurements
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.open_spec import open_checkpoint

SPEC = "org/planted"
TYPED = (
    "--causal-map",
    "quick",
    "--pairs",
    "6",
    "--draws",
    "100",
    "--lens-maps",
    "1",
    "--folds",
    "2",
    "--positions",
    "last",
)
REMOTE = ("--backend", "nnsight", "--remote")


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    planted = write_planted(tmp_path_factory.mktemp("planted"), **SHAPE)
    return replace(planted, items=few_items(planted, planted.items.with_name("few.jsonl"), 8))


@pytest.fixture
def server(planted: Planted, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Server:
    monkeypatch.setattr(probing, "SHUFFLES", 1)  # most of a small run's time is theirs
    return Server(open_checkpoint(str(planted.checkpoint)), SPEC).installed(monkeypatch, planted.checkpoint, tmp_path)


def test_a_run_goes_on_where_the_connection_broke_and_says_what_a_run_here_says(
    server: Server,
    planted: Planted,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def located(model: object, out: Path, *more: str) -> int:
        words = ("locate", model, "--items", planted.items, "--out", out, "--display", "none", *TYPED, *more)
        return main([str(word) for word in words])

    here, there = tmp_path / "here", tmp_path / "there"
    assert located(planted.checkpoint, here, "--no-random-init") == 0
    measure, begun = pipeline.measure_family, list[str]()

    def measured(checkpoint: Checkpoint, family: FamilyPairs, **options: Any) -> FamilyMeasurements:
        begun.append(family.name)
        if len(begun) == 2:  # in the middle of the interventions
            server.patience = 5
        return measure(checkpoint, family, **options)

    monkeypatch.setattr(pipeline, "measure_family", measured)
    assert located(SPEC, there, *REMOTE) == 2
    assert "NDIF can't be reached to run org/planted" in (said := capfd.readouterr().err)
    assert "start the same command again: it goes on where it was" in said and "Traceback" not in said
    n_asked = len(server.asked)
    kept = {file: file.stat().st_mtime_ns for file in (there / "activations").rglob("*.safetensors")}
    assert kept and json.loads((there / "manifest.json").read_text())["stages"]["interventions"]["seconds"] > 0
    server.patience = None
    assert located(SPEC, there, *REMOTE, "--keep-activations") == 0
    assert kept == {file: file.stat().st_mtime_ns for file in kept}
    assert begun == ["fact", "sum", "sum"] and len(server.asked) - n_asked < n_asked
    for table in ("behaviour", "profiles", "windows", "places"):
        ours, theirs = (pq.read_table(run / f"{table}.parquet").to_pandas() for run in (here, there))
        if table == "places":
            # A cell that counts in a draw by a hair doesn't after rounding: in one of 97 draws, and never in the pairs as they are.
            cells = [rows.groupby(["family", "draw"])["cell"].agg(tuple) for rows in (ours, theirs)]
            draws = cells[0].index.union(cells[1].index)
            alike = cells[0].reindex(draws).eq(cells[1].reindex(draws))
            assert alike.mean() >= 0.97 and alike.xs(0, level="draw").all()
            same = set(alike[alike].index)
            ours, theirs = (
                rows[[tuple(key) in same for key in rows[["family", "draw"]].values]].reset_index(drop=True)
                for rows in (ours, theirs)
            )
        assert len(ours) and ours.select_dtypes("object").equals(theirs.select_dtypes("object")), table
        for column in ours.select_dtypes("number"):
            np.testing.assert_allclose(theirs[column], ours[column], atol=2e-4, err_msg=f"{table}.{column}")
    manifest = json.loads((there / "manifest.json").read_text())
    assert manifest["backend"] == "nnsight, remote" and manifest["device"] == manifest["checkpoint"]["source"] == "ndif"
    assert {"code": "no-random-init", "backend": "nnsight, remote"} in manifest["warnings"]
    said = json.loads((there / "view.json").read_text())["verdict"]["caveats"]
    assert any(caveat["text"].startswith("The weights lie on NDIF's servers") for caveat in said)
    assert all(test["passed"] for test in manifest["self_tests"]) and len(manifest["self_tests"]) > 12


def test_a_prompt_is_read_remotely_and_what_the_server_decides_is_refused(
    server: Server, planted: Planted, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["lens", SPEC, "the emblem of Broan is", "--answer", " amber", "--json", *REMOTE]
    assert main(words) == 0
    remote = json.loads(capfd.readouterr().out)
    assert main([words[0], str(planted.checkpoint), *words[2:-3]]) == 0
    here = json.loads(capfd.readouterr().out)
    assert remote["backend"] == "nnsight, remote" and remote["answer_rank"] == here["answer_rank"]
    np.testing.assert_allclose(remote["answer_logprob"], here["answer_logprob"], atol=1e-4)
    assert main([*words, "--dtype", "bfloat16"]) == 2
    assert "dtype can't be chosen for a model on NDIF's servers" in capfd.readouterr().err
    assert main([words[0], str(planted.checkpoint), *words[2:]]) == 2
    assert "NDIF runs models that it knows by their hub id" in capfd.readouterr().err
