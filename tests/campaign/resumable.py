"""Commands that go on where they were stopped, each made small, and what has to be the same in the end however often that happened."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch

from campaign.trial import Outcome, Result, Trial, run_trial

SECONDS = 100
TIMED = ("manifest.json", "report.html", "view.json", "progress.json", "calibration.html")
"""Files that hold when or how long something ran; of others none may differ."""

_LOCALISED: dict[str, str] = {}
"""By file what was localised in the models of `calibrate`, which are the same for every seed of the campaign."""
Finished = Mapping[str, Any]
"""What a directory holds, by the name of the file."""


class Resumable:
    """A command with a directory of its own, and what it leaves there when nothing disturbs it."""

    def __init__(
        self,
        verb: str,
        room: Path,
        argv: Callable[[Path], tuple[str, ...]],
        finished: Callable[[Path], Finished],
        *,
        first: Callable[[], None] | None = None,
        spec: str | None = None,
    ) -> None:
        self.verb, self.room, self.copy = verb, room, room / "copy"
        self.spec = argv(self.copy)[1] if spec is None else spec
        """A checkpoint that it measures, as its run names it."""
        self._argv, self._finished, self._first = argv, finished, first
        shutil.rmtree(self.copy, ignore_errors=True)
        # Whatever is kept for later starts is made in this one.
        made = run_trial(dataclasses.replace(self.start(verb, "as it is"), cpu_seconds=6 * SECONDS), room)
        assert made.outcome is Outcome.WENT_THROUGH, made.said
        self.whole = finished(self.copy)

    def start(self, kind: str, name: str, then: Callable[[], None] | None = None) -> Trial:
        """The command; `then`: is called before it begins."""
        before = [call for call in (self._first, then) if call is not None]

        def first() -> None:
            for call in before:
                call()

        return Trial(kind, name, self._argv(self.copy), frozenset((0,)), SECONDS, first=first)

    def resumed(self, trial: Trial) -> Result:
        """Whether the command ends with what it left undisturbed, byte by byte."""
        result = run_trial(dataclasses.replace(trial, expected=frozenset((0,))), self.room)
        if result.outcome is not Outcome.WENT_THROUGH:
            return result
        return self.judged(result)

    def judged(self, result: Result) -> Result:
        now = self._finished(self.copy)
        differ = sorted(name for name in {*now, *self.whole} if now.get(name) != self.whole.get(name))
        if differ:
            return dataclasses.replace(result, outcome=Outcome.WRONG, said=f"{differ} differ")
        return dataclasses.replace(result, outcome=Outcome.RESUMED)


def resumables(room: Path) -> dict[str, Callable[[], Resumable]]:
    """By verb; the checkpoint and the items of `foreign_inputs` have to be in `room`."""
    made = {"locate": _locate, "compare": _compare, "behave": _behave, "sweep": _sweep, "calibrate": _calibrate}
    return {verb: partial(make, room) for verb, make in made.items()}


def located(room: Path, out: Path) -> tuple[str, ...]:
    words = ("locate", str(room / "base"), "--items", str(room / "items" / "items.jsonl"), "--out", str(out))
    return (*words, "--folds", "2", "--draws", "100", "--lens-maps", "2", "--no-random-init", "--display", "none")


def _locate(room: Path) -> Resumable:
    return Resumable("locate", _own(room, "locate"), lambda out: located(room, out), files_of)


def _compare(room: Path) -> Resumable:
    from safetensors.torch import load_file, save_file

    tuned = room / "tuned"
    if not tuned.exists():
        shutil.copytree(room / "base", tuned)
        state = load_file(tuned / "model.safetensors")
        state["model.layers.1.mlp.down_proj.weight"] = 1.5 * state["model.layers.1.mlp.down_proj.weight"]
        save_file(state, tuned / "model.safetensors", metadata={"format": "pt"})
    words = ("compare", str(room / "base"), str(tuned), "--items", str(room / "items" / "items.jsonl"))
    options = ("--causal-map", "quick", "--pairs", "4", "--draws", "100", "--no-random-init", "--lens-maps", "1", "--folds", "2",
               "--damage-texts", "2", "--positions", "last", "--swap-pairs", "4", "--crossed-positions", "last", "--generated", "0",
               "--no-spectra", "--batch-tokens", "4096", "--display", "none")  # fmt: skip
    return Resumable("compare", _own(room, "compare"), lambda out: (*words, *options, "--out", str(out)), files_of)


def _behave(room: Path) -> Resumable:
    """With steps to read and thinking blocks to open, so that every stage has something to do."""
    from r1_like import write_r1_like_pair
    from small_world import small_items, write_items

    own = _own(room, "behave")
    _, model = write_r1_like_pair(own / "pair")
    items = small_items()
    for item in items[::3]:
        item["steps"] = [f"{item['id']} is here", f"so it is{item['answer']}"]
    file = write_items(own / "items.jsonl", items)
    words = ("behave", str(model), "--items", str(file), "--thinking-problems", "8", "--thinking-facts", "4", "--chain-tokens", "4",
             "--pressure-items", "8", "--pressure-pairs", "4", "--draws", "100", "--null-draws", "100", "--display", "none")  # fmt: skip
    return Resumable("behave", own, lambda out: (*words, "--out", str(out)), files_of)


def _sweep(room: Path) -> Resumable:
    """In one process, a run after the other: of an engine of several, `lost_workers` tells."""
    own = _own(room, "sweep")
    file = own / "sweep.toml"
    file.write_text(
        f'checkpoints = [{{ spec = "{room / "base"}", at = 0 }}, {{ spec = "{room / "shards"}", at = 1 }}]\n'
        f'items = ["{room / "items" / "items.jsonl"}"]\n[options]\nfolds = 2\ndraws = 100\nlens_maps = 1\nrandom_init = false\n'
    )
    words = ("sweep", str(file), "--engine", "sequential", "--display", "none")
    return Resumable("sweep", own, lambda out: (*words, "--out", str(out)), files_of, spec=str(room / "base"))


def _calibrate(room: Path) -> Resumable:
    """Three models with nothing to find. What was localised in each is kept from its first start on: it costs most, and writes nothing."""
    from strata.experiments.locate import interventions_only

    own = _own(room, "calibrate")
    for name, text in _LOCALISED.items():
        (own / name).write_text(text)
    real = interventions_only.localise_summary

    def localise_summary(checkpoint: Any, items: Path, **options: Any) -> Any:
        kept = own / f"{Path(items).parent.name}.json"
        if not kept.exists():
            torch.manual_seed(0)
            kept.write_text(json.dumps(real(checkpoint, items, **options)))
        return json.loads(kept.read_text())

    def first() -> None:
        interventions_only.localise_summary = localise_summary

    words = ("calibrate", "--half", "none", "--nulls", "3", "--coverage", "1", "--workers", "1", "--display", "none")
    made = Resumable("calibrate", own, lambda out: (*words, "--out", str(out)), _calibration, first=first)
    _LOCALISED.update({file.name: file.read_text() for file in own.glob("*.json")})
    return made


def _own(room: Path, name: str) -> Path:
    own = room / f"of {name}"
    own.mkdir(exist_ok=True)
    return own


def files_of(run: Path) -> Finished:
    """Parts are between results: what is made of them is compared."""
    return {
        str(file.relative_to(run)): _content(file)
        for file in run.rglob("*")
        if file.is_file() and file.name not in (".lock", *TIMED) and "parts" not in file.parts
    }


def _content(file: Path) -> bytes | dict[str, bytes]:
    """Of a safetensors file its tensors: the order of its header is any."""
    if file.suffix != ".safetensors":
        return file.read_bytes()
    from safetensors.numpy import load_file

    return {name: tensor.tobytes() for name, tensor in load_file(file).items()}


def _calibration(directory: Path) -> Finished:
    rows = [json.loads(line) for line in (directory / "results.jsonl").read_text().splitlines()]
    record = json.loads((directory / "calibration.json").read_text())
    by_key = {str(row["key"]): row | {"seconds": 0, "check": ""} for row in rows}
    others = sorted(
        str(file.relative_to(directory)) for file in directory.rglob("*") if not file.name.endswith(".lock")
    )
    return {"results.jsonl": by_key, "calibration.json": record | {"seconds": 0}, "files": others}
