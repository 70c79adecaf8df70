"""`strata locate` and `strata lens` through TransformerLens and nnsight: the numbers of torch, and their names on the page."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from planted_models import Planted, write_planted
from small_comparison import SHAPE, few_items

import strata
from strata.dashboards.cli.main import main
from strata.experiments.locate import probing
from strata.probes.checkpoints import open_spec
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.errors import StrataError

LIBRARIES = ("transformer_lens", "nnsight")
TABLES = ("behaviour", "profiles", "emergence", "curves", "windows", "places")
TYPED = [
    *("--pairs", "10", "--damage-texts", "2", "--draws", "100", "--lens-maps", "1", "--folds", "2"),
    *("--positions", "last", "--display", "none"),
]
PROMPT = "the emblem of Broan is"


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    planted = write_planted(tmp_path_factory.mktemp("planted"), **SHAPE)
    return replace(planted, items=few_items(planted, planted.items.with_name("few.jsonl")))


@pytest.fixture(scope="module")
def runs(planted: Planted, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    runs = {name: tmp_path_factory.mktemp("runs") / name for name in ("torch", *LIBRARIES)}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(probing, "SHUFFLES", 1)  # most of a small run's time is theirs
        for name, out in runs.items():
            assert main(_locate(planted, out, name)) == 0
    return runs


def _rows(run: Path, table: str) -> Any:
    """Without what makes rounding large: standardised probes and signs of margins, in streams where the model has nothing yet."""
    rows = pq.read_table(run / f"{table}.parquet").to_pandas()
    if table == "curves":
        rows = rows[~rows.instrument.str.startswith("probe") & (rows.measure != "above_null")]
    return rows


def _locate(planted: Planted, out: Path, library: str) -> list[str]:
    words = ("locate", planted.checkpoint, "--items", planted.items, "--out", out, *TYPED, "--backend", library)
    return [str(word) for word in words]


@pytest.mark.parametrize("library", LIBRARIES)
def test_every_table_says_the_same_and_the_run_says_who_ran_it(library: str, runs: dict[str, Path]) -> None:
    for name in TABLES:
        ours, theirs = (_rows(runs[which], name) for which in ("torch", library))
        assert len(ours) and ours.select_dtypes("object").equals(theirs.select_dtypes("object")), name
        for column in ours.select_dtypes("number"):
            np.testing.assert_allclose(theirs[column], ours[column], atol=2e-4, err_msg=f"{name}.{column}")
    manifest, view = (json.loads((runs[library] / name).read_text()) for name in ("manifest.json", "view.json"))
    assert manifest["backend"] == manifest["config"]["backend"] == library
    assert {"code": "other-backend", "backend": library} in manifest["warnings"]
    assert ["Run by", library] in view["provenance"]["facts"]
    said = f"Every forward pass was run by {library}, and every edited run is a whole one"
    assert any(caveat["text"].startswith(said) for caveat in view["verdict"]["caveats"])
    tests = {test["name"] for test in manifest["self_tests"]}
    assert f"an edited run of {library} gives the logits of torch's hooks" in tests
    ours = json.loads((runs["torch"] / "manifest.json").read_text())
    assert ours["backend"] == "torch" and not any("backend" in warning for warning in ours["warnings"])


def test_a_run_is_not_resumed_with_another_library(
    runs: dict[str, Path], planted: Planted, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(_locate(planted, runs["nnsight"], "transformer_lens")) == 2
    said = capfd.readouterr().err
    assert 'backend: "nnsight" there, "transformer_lens" now' in said and said.count("\n") == 1


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_prompt_read_through_another_library_is_the_same_map(
    library: str, planted: Planted, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    read: dict[str, Any] = {}
    for name in ("torch", library):
        words = [
            "lens",
            planted.checkpoint,
            PROMPT,
            "--answer",
            " amber",
            "--json",
            "--backend",
            name,
            "--out",
            tmp_path / "page.html",
        ]
        assert main([str(word) for word in words]) == 0
        read[name] = json.loads(capfd.readouterr().out)
    assert read[library]["backend"] == library and f"<dd>{library}</dd>" in (tmp_path / "page.html").read_text()
    for numbers in ("entropy", "answer_logprob"):
        np.testing.assert_allclose(read[library][numbers], read["torch"][numbers], atol=1e-4)
    assert read[library]["answer_rank"] == read["torch"]["answer_rank"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--backend", "transformer_lens", "--remote"), "The backend transformer_lens runs here only"),
        (("--remote",), "The backend torch runs here only"),
        (("--backend", "nnsight", "--lens", "tuned"), "The backend nnsight can't fit the tuned lens"),
        (
            ("--backend", "transformer_lens", "--lens", "jacobian"),
            "The backend transformer_lens can't fit the jacobian",
        ),
        (("--backend", "jax"), "--backend is 'jax'"),
    ],
)
def test_what_a_library_cannot_do_is_one_sentence_that_names_it(
    words: tuple[str, ...], said: str, planted: Planted, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["lens", str(planted.checkpoint), PROMPT, "--display", "none", *words]) == 2
    assert said in (told := capfd.readouterr().err) and told.count("\n") == 1


def test_python_takes_the_same_choice(planted: Planted, tmp_path: Path) -> None:
    with pytest.raises(StrataError, match="The backend transformer_lens can't fit the tuned lens"):
        strata.locate(str(planted.checkpoint), tmp_path / "run", backend="transformer_lens", lenses=("logit", "tuned"))
    with pytest.raises(StrataError, match="There is no backend 'jax'"):
        strata.locate(str(planted.checkpoint), tmp_path / "run", backend="jax")
    assert not (tmp_path / "run").exists()


@pytest.mark.thorough
@pytest.mark.model
def test_the_embedded_model_is_read_and_located_alike(
    smollm2: Checkpoint, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Six commands open the same model.
    monkeypatch.setattr(open_spec, "_open_one", lambda *given: smollm2)
    monkeypatch.setattr(probing, "SHUFFLES", 1)
    asked = (
        "locate",
        "smollm2",
        "--families",
        "capital",
        "--per-family",
        "6",
        "--causal-map",
        "none",
        "--lens-maps",
        "1",
    )
    asked += ("--no-random-init", "--draws", "100", "--folds", "2", "--positions", "last", "--display", "none")
    for name in ("torch", *LIBRARIES):
        assert main([*asked, "--backend", name, "--out", str(tmp_path / name)]) == 0
    for table, library in product(("behaviour", "profiles", "emergence"), LIBRARIES):
        ours, theirs = (_rows(tmp_path / which, table) for which in ("torch", library))
        assert len(ours) and ours.select_dtypes("object").equals(theirs.select_dtypes("object")), table
        for column in ours.select_dtypes("number"):
            # Of ten thousand likelier tokens one more or less is rounding.
            np.testing.assert_allclose(
                theirs[column], ours[column], atol=2e-3, rtol=2e-4, err_msg=f"{library}, {table}.{column}"
            )
    capfd.readouterr()
    read: dict[str, Any] = {}
    for name in ("torch", *LIBRARIES):
        words = ["lens", "smollm2", "The capital of France is", "--answer", " Paris", "--json", "--backend", name]
        assert main(words) == 0
        read[name] = json.loads(capfd.readouterr().out)
        np.testing.assert_allclose(read[name]["answer_logprob"], read["torch"]["answer_logprob"], atol=2e-3)
        assert read[name]["answer_rank"][-1] == read["torch"]["answer_rank"][-1]
