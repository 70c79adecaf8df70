"""Whole inputs of every foreign kind, made small, and commands that read them: a campaign damages copies of these."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch

from campaign.damage import Damage, damages_of
from campaign.trial import Trial

PROMPT = "the x of France is"


@dataclass(frozen=True)
class Input:
    """A folder of files that belong together, and what reads it."""

    kind: str
    folder: Path
    commands: Callable[[Path], tuple[tuple[str, ...], ...]]
    """Command lines that read a copy of the folder."""


def foreign_inputs(room: Path) -> list[Input]:
    """Makes them under `room`."""
    base = room / "base"
    return [
        Input("checkpoint", _checkpoint(base), lambda copy: (_lens(copy), _plan(copy, room), _chat(copy, room), _pairs(base, copy))),
        Input("shards", _shards(room / "shards"), lambda copy: (_lens(copy), _pairs(base, copy))),
        Input("adapter", _adapter(room / "adapter", base), lambda copy: (
            _lens(f"{base}+{copy}"), _plan(f"{base}+{copy}", room), _pairs(base, f"{base}+{copy}")
        )),
        Input("gguf", _gguf(room / "gguf"), lambda copy: (_lens(copy / "tiny.gguf"), _plan(copy / "tiny.gguf", room))),
        Input("items", _items(room / "items"), lambda copy: (
            ("items", "show", str(copy / "items.jsonl")),
            ("items", "check", str(copy / "items.jsonl"), "--checkpoint", str(base)),
            ("plan", str(base), "--no-trial", "--items", str(copy / "items.jsonl")),
        )),
        Input("tables", _tables(room / "tables"), _imports),
        Input("options", _options(room / "options"), lambda copy: (
            ("plan", str(base), "--no-trial", "--print-config", "--config", str(copy / "config.json")),
            ("plan", str(base), "--no-trial", "--print-config", "--config", str(copy / "config.toml")),
        )),
    ]  # fmt: skip


def damaged(given: Input, copy: Path, rng: Random) -> Trial:
    """A copy of the input with one file damaged, and the command that reads it."""
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(given.folder, copy)
    files = sorted(file for file in copy.rglob("*") if file.is_file())
    file = rng.choice(files)
    if rng.random() < 0.05:
        other = rng.choice(files)
        shutil.copy(given.folder / other.relative_to(copy), file) if other != file else None
        done = f"is {other.name}"
    else:
        damage: Damage = rng.choice(damages_of(file))
        try:
            done = damage(file, rng)
        except ValueError:  # a file that isn't JSON whatever its name
            done = damages_of(Path("x"))[0](file, rng)
    return Trial(given.kind, f"{file.name} {done}", rng.choice(given.commands(copy)))


def _lens(spec: object) -> tuple[str, ...]:
    return ("lens", str(spec), PROMPT, "--display", "none")


def _plan(spec: object, room: Path) -> tuple[str, ...]:
    return ("plan", str(spec), "--no-trial", "--items", str(room / "items" / "items.jsonl"))


def _chat(spec: object, room: Path) -> tuple[str, ...]:
    return (*_plan(spec, room), "--framing", "chat")


def _pairs(base: Path, spec: object) -> tuple[str, ...]:
    return ("pairs", "verify", str(base), str(spec), "--display", "none")


def _imports(copy: Path) -> tuple[tuple[str, ...], ...]:
    tables = sorted(file for file in copy.iterdir() if file.name.startswith("table"))
    return tuple(
        ("items", "import", str(table), "--mapping", str(copy / "mapping.toml"), "--out", str(copy / "out.jsonl"))
        for table in tables
    )


def _checkpoint(directory: Path, *, shard: str = "5GB") -> Path:
    from tiny_models import tiny_model, tiny_tokenizer

    model = tiny_model("llama")
    model.save_pretrained(directory, max_shard_size=shard)
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}a:"
    tokenizer.save_pretrained(directory)
    return directory


def _shards(directory: Path) -> Path:
    return _checkpoint(directory, shard="20KB")


def _adapter(directory: Path, base: Path) -> Path:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    settings = LoraConfig(
        r=2, lora_alpha=4, target_modules=r".*\.(q_proj|v_proj)", task_type="CAUSAL_LM", rank_pattern={"q_proj": 2}
    )
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(base, local_files_only=True), settings)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                parameter.copy_(0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0)))
    model.save_pretrained(directory)
    return directory


def _gguf(directory: Path) -> Path:
    from saved import save_gguf

    directory.mkdir(parents=True)
    save_gguf(directory / "tiny.gguf")
    return directory


def _items(directory: Path) -> Path:
    directory.mkdir(parents=True)
    records = [
        {"id": f"i{n}", "kind": kind, "family": f"family {n % 3}", "prompt": f"{letter} of France is", "answer": f" {letter}",
         "foil_prompt": f"{other} of France is", "foil": f" {other}", "spans": {"subject": [0, 1]}, "hops": 1, "extra": {"a": [1]}}
        for n, (kind, letter, other) in enumerate(zip(["knowledge", "reasoning"] * 6, "abcdefghijkl", "bcdefghijklm", strict=True))
    ]  # fmt: skip
    _lines(directory / "items.jsonl", records)
    return directory


def _tables(directory: Path) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    directory.mkdir(parents=True)
    rows = [{"question": f"What is {n}?", "answer": str(n), "options": [str(n), str(n + 1)], "n": n} for n in range(20)]
    (directory / "table.json").write_text(json.dumps(rows))
    _lines(directory / "table.jsonl", rows)
    pq.write_table(pa.Table.from_pylist(rows), directory / "table.parquet")
    text = "".join(f'"{row["question"]}",{row["answer"]},{row["n"]}\n' for row in rows)
    (directory / "table.csv").write_text("question,answer,n\n" + text)
    (directory / "mapping.toml").write_text(
        '[item]\nprompt = "Question: {question}\\nAnswer:"\nanswer = "{answer}"\nkind = "knowledge"\nfamily = "mine"\nhops = 1\n'
        '[rows]\nencoding = "utf-8"\n[keep]\nn = [1, 2, 3, 4, 5, 6, "7", "8"]\n'
    )
    return directory


def _options(directory: Path) -> Path:
    directory.mkdir(parents=True)
    options = {"seed": 1, "families": ["capital"], "draws": 100, "dtype": "float32"}
    (directory / "config.json").write_text(json.dumps(options))
    (directory / "config.toml").write_text(
        "".join(f"{name} = {json.dumps(value)}\n" for name, value in options.items())
    )
    return directory


def _lines(file: Path, records: list[dict[str, object]]) -> None:
    file.write_text("".join(json.dumps(record) + "\n" for record in records))


def damaged_inputs(given: Input, room: Path, seed: int, n: int) -> Iterator[Trial]:
    """`n` damaged copies, one after the other in the same folder; drawn by `seed`."""
    for number in range(n):
        yield damaged(given, room / "copy", Random(f"{seed} {given.kind} {number}"))
