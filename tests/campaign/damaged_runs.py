"""What becomes of a run or a cache whose files were damaged: refused by name, made again with the same numbers, or something worse?"""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from random import Random

from campaign.damage import JSON, damages_of
from campaign.resumable import located
from campaign.trial import Outcome, Result, Trial, run_trial

_REBUILT = ("report.html", "view.json", "progress.json")
"""Files that a run makes of others: nothing is lost with them."""
_SECONDS = 100
_LEFT = (
    ".manifest.json.999999999.part",
    ".summary.json.4711.part",
    "activations/model/.shard-00000.safetensors.12.part",
    "parts/.x.1.part",
)
PROMPT = "the x of France is"


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
            name, done = self._signed(rng)
            yield run_trial(Trial("run, other schema", f"{name} {done}", ("report", str(self.copy))), self.room)
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

    def damaged_cache(self, seed: int, n: int) -> Iterator[Result]:
        """The same reading with a cache that was damaged since: never other numbers, never a refusal."""
        cache, kept = self.room / "cache", self.room / "whole cache"
        command = (
            "lens",
            str(self.room / "base"),
            PROMPT,
            "--lens",
            "tuned",
            "--json",
            "--text",
            str(self.room / "text.txt"),
        )
        (self.room / "text.txt").write_text("a b c d e f g h i j k l Paris France is in the of + = . , " * 3000)
        shutil.rmtree(cache, ignore_errors=True)
        first = run_trial(Trial("cache", "as it is", command, cpu_seconds=_SECONDS), self.room)
        assert first.outcome is Outcome.WENT_THROUGH, first.said
        answer = (self.room / "stdout").read_bytes()
        shutil.copytree(cache, kept)
        for number in range(n):
            rng = Random(f"{seed} cache {number}")
            shutil.rmtree(cache, ignore_errors=True)
            shutil.copytree(kept, cache)
            file = rng.choice(sorted(file for file in cache.rglob("*") if file.is_file() and file.suffix != ".lock"))
            try:
                done = rng.choice(damages_of(file))(file, rng)
            except ValueError:
                continue
            result = run_trial(
                Trial("cache", f"{file.relative_to(cache)} {done}", command, frozenset((0,)), _SECONDS), self.room
            )
            same = (self.room / "stdout").read_bytes() == answer
            resumed = result.outcome is Outcome.WENT_THROUGH
            yield dataclasses.replace(
                result, outcome=(Outcome.RESUMED if same else Outcome.WRONG) if resumed else result.outcome
            )
        shutil.rmtree(cache, ignore_errors=True)
        shutil.copytree(kept, cache)

    def _locate(self, out: Path) -> tuple[str, ...]:
        return located(self.room, out)

    def _damage(self, rng: Random) -> tuple[str, str]:
        shutil.rmtree(self.copy, ignore_errors=True)
        shutil.copytree(self.whole, self.copy)
        file = rng.choice(sorted(file for file in self.copy.rglob("*") if file.is_file() and file.name != ".lock"))
        if rng.random() < 0.15:
            file.unlink()
            return file.name, "is absent"
        try:
            return file.name, rng.choice(damages_of(file))(file, rng)
        except ValueError:
            file.write_bytes(b"")
            return file.name, "is empty"

    def _signed(self, rng: Random) -> tuple[str, str]:
        """Another JSON value somewhere, and a manifest whose checksums agree with it."""
        from strata.experiments.run.files import CHECKSUM, MANIFEST, file_sha256, manifest_sha256

        shutil.rmtree(self.copy, ignore_errors=True)
        shutil.copytree(self.whole, self.copy)
        file = rng.choice(sorted(file for file in self.copy.glob("*.json") if file.name not in _REBUILT))
        done = rng.choice(JSON)(file, rng)
        try:
            manifest = json.loads((self.copy / MANIFEST).read_text())
            if file.name != MANIFEST:
                manifest["files"][file.name] = file_sha256(file)
            manifest[CHECKSUM] = manifest_sha256(manifest)
            (self.copy / MANIFEST).write_text(json.dumps(manifest))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            pass
        return file.name, done

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


def _same(one: Path, other: Path) -> bool:
    return other.is_file() and one.read_bytes() == other.read_bytes()
