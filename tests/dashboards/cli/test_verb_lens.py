"""`strata lens`: an answer that can't be shown is refused, not ignored."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from strata.dashboards.cli import main
from strata.probes.verification.architectures.tiny_checkpoint import save_tiny


@pytest.mark.parametrize("answer", ["", " "])
def test_an_answer_without_a_token_is_one_sentence(
    answer: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    save_tiny("llama", tmp_path / "tiny", 0)
    command = ["lens", str(tmp_path / "tiny"), "a b c", "--display", "none", "--json"]
    assert main([*command, f"--answer={answer}"]) == 2
    said = capfd.readouterr().err
    assert said.startswith(f"strata: --answer {answer!r} can't be shown: ") and said.count("\n") == 1
    assert main(command) == 0 and "answer_rank" not in json.loads(capfd.readouterr().out)
