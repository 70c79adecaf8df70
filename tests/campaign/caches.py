"""Does a cache whose files were damaged, which is full, or which isn't one cost time and nothing else: never a number, never a refusal?"""

from __future__ import annotations

import dataclasses
import errno
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

from campaign.damage import damages_of
from campaign.foreign_inputs import PROMPT
from campaign.trial import Outcome, Result, Trial, run_trial

_SECONDS = 100
_DAMAGED_FOR_ONE_FULL = 5
Command = tuple[str, ...]


def damaged_caches(room: Path, seed: int, n: int) -> Iterator[Result]:
    """`n` caches with one damaged file, and a fifth as many full ones and others in whose places something else lies.

    The checkpoint, the GGUF file and the items of `foreign_inputs` have to be in `room`.
    """
    caches = _Caches(room)
    for number in range(n):
        yield caches.damaged(Random(f"{seed} cache {number}"))
    for number in range(max(1, n // _DAMAGED_FOR_ONE_FULL)):
        yield caches.full(Random(f"{seed} full cache {number}"))
        yield caches.displaced(Random(f"{seed} displaced cache {number}"))


class _Caches:
    def __init__(self, room: Path) -> None:
        self.room, self.cache, self.kept = room, room / "cache", room / "whole cache"
        text = room / "text.txt"
        text.write_text("a b c d e f g h i j k l Paris France is in the of + = . , " * 3000)
        base = str(room / "base")
        self.lens: Command = ("lens", base, PROMPT, "--lens", "tuned", "--json", "--text", str(text))
        self.pairs: Command = ("pairs", "verify", base, str(room / "gguf" / "tiny.gguf"), "--json")
        shutil.rmtree(self.cache, ignore_errors=True)
        self.answers = {command: self._answer(command) for command in (self.lens, self.pairs)}
        shutil.rmtree(self.kept, ignore_errors=True)
        shutil.copytree(self.cache, self.kept)

    def _answer(self, command: Command) -> bytes:
        first = run_trial(Trial("cache", "as it is", command, frozenset((0, 1)), _SECONDS), self.room)
        assert first.outcome is Outcome.WENT_THROUGH, first.said
        return (self.room / "stdout").read_bytes()

    def damaged(self, rng: Random) -> Result:
        self._restore()
        file = rng.choice(sorted(file for file in self.cache.rglob("*") if file.is_file() and file.suffix != ".lock"))
        try:
            done = rng.choice(damages_of(file))(file, rng)
        except ValueError:
            file.write_bytes(b"")
            done = "is empty"
        inside = file.relative_to(self.cache)
        return self._judged("cache, damaged", f"{inside} {done}", self._reader(inside))

    def full(self, rng: Random) -> Result:
        """No file of the cache can be written; of other places any can."""
        shutil.rmtree(self.cache, ignore_errors=True)
        below = f"{self.cache}{os.sep}"

        def install() -> None:
            flush = os.fsync

            def flushed(descriptor: int) -> None:
                if str(Path(f"/proc/self/fd/{descriptor}").readlink()).startswith(below):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                flush(descriptor)

            os.fsync = flushed

        moment = rng.choice(["from the start", "later"])
        if moment == "later":
            self._restore()
            shutil.rmtree(self.cache / "lenses")
        return self._judged("cache, full", moment, self.lens, first=install)

    def displaced(self, rng: Random) -> Result:
        """A folder of the cache is a file, a pipe or a link."""
        self._restore()
        folder = rng.choice(sorted(folder for folder in self.cache.rglob("*") if folder.is_dir()))
        shutil.rmtree(folder)
        kind = rng.choice(["file", "pipe", "dead link", "link to itself"])
        if kind == "file":
            folder.write_bytes(b"x")
        elif kind == "pipe":
            os.mkfifo(folder)
        else:
            folder.symlink_to(folder if kind == "link to itself" else self.room / "nowhere")
        inside = folder.relative_to(self.cache)
        return self._judged("cache, something else", f"{inside} is a {kind}", self._reader(inside))

    def _restore(self) -> None:
        shutil.rmtree(self.cache, ignore_errors=True)
        shutil.copytree(self.kept, self.cache)

    def _reader(self, inside: Path) -> Command:
        """What reads this file or folder of the cache."""
        return self.pairs if inside.parts[0].startswith("gguf") else self.lens

    def _judged(self, kind: str, name: str, command: Command, *, first: Callable[[], None] | None = None) -> Result:
        trial = Trial(kind, name, command, frozenset((0, 1)), _SECONDS, first=first)
        result = run_trial(trial, self.room)
        if result.outcome is not Outcome.WENT_THROUGH:
            # Not even a refusal is right: what a cache holds can be made again.
            is_refused = result.outcome is Outcome.REFUSED
            return dataclasses.replace(result, outcome=Outcome.WRONG) if is_refused else result
        same = (self.room / "stdout").read_bytes() == self.answers[command]
        return dataclasses.replace(result, outcome=Outcome.RESUMED if same else Outcome.WRONG)
