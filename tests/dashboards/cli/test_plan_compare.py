"""`strata plan compare`: a row a kind of GPU, exactly one JSON object, and what can't be planned is one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from small_world import save_checkpoint, write_items

from strata.dashboards.cli import main


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    directory = tmp_path_factory.mktemp("planned")
    return str(save_checkpoint(directory / "model")), str(write_items(directory / "items.jsonl"))


def planned(files: tuple[str, str], *arguments: str) -> list[str]:
    model, items = files
    return ["plan", "compare", "qwen2.5-math-7b", model, "--items", items, "--display", "none", *arguments]


def test_a_person_reads_models_memory_and_a_row_a_gpu(
    files: tuple[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(planned(files, "--generated-tokens", "4096")) == 0
    said = capfd.readouterr().out
    assert "base: qwen2.5-math-7b, 7.62 G parameters, 15.2 GB in bfloat16" in said
    assert "H100 80GB" in said and "RTX 4090" in said and "Planned, not measured" in said
    assert "base: its context leaves" in said and "--one-at-a-time" in said


def test_json_is_one_object_with_everything_that_is_printed(
    files: tuple[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(planned(files, "--control", "oat-zero-7b", "--json")) == 0
    plan = json.loads(capfd.readouterr().out)
    assert plan["schema"] == "strata.comparison_plan/1"
    assert set(plan["models"]) == {"base", "distilled", "control"} and plan["parameters"]["base"] == 7_615_616_512
    assert all(row["hours"][0] < row["hours"][1] for row in plan["on"])


def test_what_cannot_be_planned_is_one_sentence(
    files: tuple[str, str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model, _ = files
    for arguments, said in (
        (["plan", "compare", model], "takes BASE and DISTILLED"),
        (["plan", "compare", model, model, model], "takes BASE and DISTILLED"),
        (["plan", model, model], "Did you mean strata plan compare"),
    ):
        assert main(arguments) == 2
        told = capfd.readouterr().err
        assert said in told and "Traceback" not in told
