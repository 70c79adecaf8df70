"""What becomes of a run whose files were damaged: refused by name, made again with the same numbers, or something worse?"""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from random import Random

from campaign.damage import JSON, damages_of
from campaign.resumable import located, resumables
from campaign.trial import Outcome, Result, Trial, run_trial

_REBUILT = ("report.html", "view.json", "progress.json")
"""Files that a run makes of others: nothing is lost with them."""
_SECONDS = 100
_OTHERS = ("compare", "behave", "sweep")
_LEFT = (
    ".manifest.json.999999999.part",
    ".summary.json.4711.part",
    "activations/model/.shard-00000.safetensors.12.part",
    "parts/.x.1.part",
)


class Runs:
    """A finished run of the tiny checkpoint, and what is done to copies of it."""

    def __init__(self, room: Path) -> None:
        self.room, self.whole, self.copy = room, room / "run", room / "copy"
        made = run_trial(Trial("run", "as it is", self._locate(self.whole), cpu_seconds=_SECONDS), room)
        assert made.outcome is Outcome.WENT_THROUGH, made.said
        self.summary = (self.whole / "summary.json").read_bytes()

    def damaged(self, seed: int, n: int) -> Iterator[Result]:
        """Reports and second starts of `n` damaged copies, leftovers of kills, and `n` copies with another content that is signed for."""
        for number in range(n):
            rng = Random(f"{seed} run {number}")
            name, done = self._damage(rng)
            if number % 2:
                yield self._judged_report(Trial("run, report", f"{name} {done}", ("report", str(self.copy))), name)
            else:
                yield self._started_again(name, done)
        for number in range(n):
            rng = Random(f"{seed} signed {number}")
            done = signed(self.whole, self.copy, rng)
            yield run_trial(Trial("run, other schema", done, ("report", str(self.copy))), self.room)
        for kind in ("nothing else", "a finished run"):
            shutil.rmtree(self.copy, ignore_errors=True)
            if kind == "nothing else":
                self.copy.mkdir()
            else:
                shutil.copytree(self.whole, self.copy)
            for left in _LEFT if kind == "a finished run" else _LEFT[:1]:
                (self.copy / left).parent.mkdir(parents=True, exist_ok=True)
                (self.copy / left).write_bytes(b"half")
            result = self.resumed(
                Trial("run, leftovers", f"beside {kind}", self._locate(self.copy), cpu_seconds=_SECONDS)
            )
            stayed = [str(part) for part in self.copy.rglob(".*.part")]
            yield dataclasses.replace(result, outcome=Outcome.WRONG, said=str(stayed)) if stayed else result

    def _locate(self, out: Path) -> tuple[str, ...]:
        return located(self.room, out)

    def _damage(self, rng: Random) -> tuple[str, str]:
        shutil.rmtree(self.copy, ignore_errors=True)
        shutil.copytree(self.whole, self.copy)
        file = rng.choice(sorted(file for file in self.copy.rglob("*") if file.is_file() and file.name != ".lock"))
        if rng.random() < 0.15:
            file.unlink()
            return file.name, "is absent"
        if rng.random() < 0.1:
            other = rng.choice(sorted(other for other in self.copy.rglob("*") if other.is_file() and other != file))
            shutil.copy(other, file)
            return file.name, f"is {other.name}"
        try:
            return file.name, rng.choice(damages_of(file))(file, rng)
        except ValueError:
            file.write_bytes(b"")
            return file.name, "is empty"

    def _started_again(self, name: str, done: str) -> Result:
        trial = Trial("run, started again", f"{name} {done}", self._locate(self.copy), cpu_seconds=_SECONDS)
        result = self.resumed(trial)
        if result.outcome is not Outcome.REFUSED:
            return result
        # The refusal says what to do about it: it must help.
        file = next(self.copy.rglob(name), None)
        if name == "manifest.json":
            shutil.rmtree(self.copy)
        elif file is not None:
            shutil.rmtree(file) if file.is_dir() and not file.is_symlink() else file.unlink()
        again = self.resumed(dataclasses.replace(trial, name=f"{trial.name}; its file deleted"))
        helped = again.outcome is Outcome.RESUMED
        return (
            result
            if helped
            else dataclasses.replace(
                again, outcome=Outcome.WRONG if again.outcome is Outcome.REFUSED else again.outcome
            )
        )

    def resumed(self, trial: Trial) -> Result:
        """Whether the command ends with the same summary, byte by byte."""
        result = run_trial(trial, self.room)
        if result.outcome is not Outcome.WENT_THROUGH:
            return result
        same = (self.copy / "summary.json").read_bytes() == self.summary
        return dataclasses.replace(result, outcome=Outcome.RESUMED if same else Outcome.WRONG)

    def _judged_report(self, trial: Trial, name: str) -> Result:
        result = run_trial(trial, self.room)
        through = result.outcome is Outcome.WENT_THROUGH
        # What the manifest vouches for must be refused once it is another.
        recorded = json.loads((self.whole / "manifest.json").read_text())["files"]
        is_wrong = through and name in recorded and not _same(self.whole / name, self.copy / name)
        return dataclasses.replace(result, outcome=Outcome.WRONG) if is_wrong else result


def damaged_results(room: Path, seed: int, n: int) -> Iterator[Result]:
    """Reports of `n` finished runs of the verbs beside `locate`, with another content somewhere that is signed for."""
    for place, verb in enumerate(_OTHERS):
        made = resumables(room)[verb]()
        whole, copy = made.room / "whole", made.room / "damaged"
        shutil.rmtree(whole, ignore_errors=True)
        made.copy.rename(whole)
        for number in range(place, n, len(_OTHERS)):
            done = signed(whole, copy, Random(f"{seed} signed {number}"))
            yield run_trial(Trial(f"{verb}, other schema", done, ("report", str(copy)), cpu_seconds=_SECONDS), room)


def signed(whole: Path, copy: Path, rng: Random) -> str:
    """Makes a copy of a run that holds another JSON value somewhere, and a manifest whose checksums agree with it; says what was done."""
    from strata.experiments.run.files import CHECKSUM, MANIFEST, file_sha256, manifest_sha256

    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(whole, copy)
    files = sorted(file for file in copy.rglob("*.json") if file.name not in _REBUILT and "parts" not in file.parts)
    file = rng.choice(files)
    done = rng.choice(JSON)(file, rng)
    signed_by = next(folder / MANIFEST for folder in file.parents if (folder / MANIFEST).exists())
    try:
        manifest = json.loads(signed_by.read_text())
        if file != signed_by:
            manifest["files"][str(file.relative_to(signed_by.parent))] = file_sha256(file)
        manifest[CHECKSUM] = manifest_sha256(manifest)
        signed_by.write_text(json.dumps(manifest))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        pass
    return f"{file.relative_to(copy)} {done}"


def _same(one: Path, other: Path) -> bool:
    return other.is_file() and one.read_bytes() == other.read_bytes()
