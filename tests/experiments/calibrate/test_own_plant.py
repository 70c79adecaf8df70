"""Does the example of a plant of one's own, as the documentation shows it, run, and is it short?"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from strata.experiments.calibrate.shipped_plant import compiled_plants, readied

PAGE = Path(__file__).parents[3] / "docs" / "calibration.md"


def test_the_documented_plant_is_short_and_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(code.splitlines()) < 60
    monkeypatch.chdir(tmp_path)
    exec(compile(code, str(PAGE), "exec"), {})
    assert capsys.readouterr().out.splitlines() == [
        "decoy copy 1 of 1 right",
        "relayed 1 of 1 right",
        "split into shares 1 of 1 right",
    ]


def test_every_compiled_program_answers_as_it_did_before_it_was_exported(tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from strata.experiments.items.jsonl import read_items

    assert len(compiled_plants()) == 4
    for plant in compiled_plants():
        ready = readied(plant, tmp_path / plant.name)
        model = AutoModelForCausalLM.from_pretrained(ready.spec).eval()
        tokenizer = AutoTokenizer.from_pretrained(ready.spec)
        items = read_items(ready.items)
        with torch.no_grad():
            logits = model(torch.tensor([tokenizer(item.prompt)["input_ids"] for item in items])).logits[:, -1]
        assert tokenizer.convert_ids_to_tokens(logits.argmax(-1).tolist()) == [item.answer.strip() for item in items]
        assert len({family.cell for family in ready.truth.families.values()}) == 2
