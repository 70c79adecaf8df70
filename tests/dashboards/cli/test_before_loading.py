"""Is what a command names and isn't there told before any model is opened, with what was probably meant?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from strata.dashboards.cli.main import main

ITEM = {
    "id": "a", "kind": "knowledge", "family": "f", "prompt": "The capital of Peru is", "answer": " Lima", "cluster": "a", "template": "t",
    "label": "x",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _nothing_opens(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def opened(*_arguments: object, **_options: object) -> None:
        pytest.fail("a model was opened")

    monkeypatch.setattr("strata.probes.checkpoints.open_spec.open_checkpoint", opened)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bare").mkdir()
    (tmp_path / "items.jsonl").write_text(json.dumps(ITEM) + "\n")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["locate", "smolm2"], "Did you mean smollm2?"),
        (["locate", "r1-distil-qwen-7b"], "Did you mean r1-distill-qwen-7b?"),
        (["locate", "smollm2", "--items", "none.jsonl"], "none.jsonl"),
        (["locate", "smollm2", "--families", "captial"], "Did you mean capital?"),
        (["locate", "smollm2", "--text", "none.txt"], "none.txt"),
        (["locate", "smollm2", "--famlies", "capital"], "Did you mean --families?"),
        (["locate", "./bare"], "has no config.json"),
        (["locate", "./nowhere"], "There is no file or directory './nowhere'"),
        (["locate", "smollm2+thnk"], "Did you mean think?"),
        (["locate", "smollm2~0.5~smollm2+thnk"], "Did you mean think?"),
        (["locate", "smolm2~0.5~smollm2"], "Did you mean smollm2?"),
        (["compare", "smollm2", "smollm2+thikn"], "Did you mean think?"),
        (["compare", "smollm2", "smollm2+think", "--control", "./nowhere"], "./nowhere"),
        (["compare", "smollm2", "smollm2+think", "--distilled-seeds", "smollm2+think-9"], "think-9"),
        (["compare", "smollm2", "smollm2+think", "--items", "none.jsonl"], "none.jsonl"),
        (["behave", "smollm2", "--families", "langage"], "Did you mean language?"),
        (["probe", "smollm2", "none.jsonl", "--target", "label"], "none.jsonl"),
        (["probe", "smollm2", "items.jsonl", "--target", "lable"], "Did you mean label?"),
        (["capture", "smollm2", "none.jsonl", "--out", "shards"], "none.jsonl"),
        (["bench", "pag"], "Did you mean page?"),
        (["lcoate", "smollm2"], "Did you mean locate?"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_it_is_told_in_one_sentence_with_exit_code_2(
    command: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command) == 2
    out, err = capsys.readouterr()
    assert out == "" and said in err and err.count("strata: ") == 1 and "Traceback" not in err
