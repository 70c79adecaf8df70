"""One loaded model that is asked one thing at a time: a short prompt through the lens, or a pair with one part patched."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock

from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.errors import StrataError
from strata.probes.interventions.cells import Cell, at_span, component_of
from strata.probes.public_api.lens_result import LensResult
from strata.probes.public_api.patch import patch
from strata.probes.public_api.patching_result import PatchingResult
from strata.probes.public_api.read_lens import logit_lens

MOST_LETTERS = 2_000
"""Of a text."""
MOST_TOKENS = 96


class BusyError(StrataError):
    """Another request is at work."""


_NAMED = {
    "prompt": "The prompt",
    "foil_prompt": "The counterfactual prompt",
    "answer": "The answer",
    "foil": "The counterfactual answer",
}
"""What an error calls the texts of a pair."""


@dataclass(frozen=True)
class Pair:
    """A minimal pair as a person edits it."""

    prompt: str
    answer: str
    foil_prompt: str
    foil: str


@dataclass(frozen=True)
class LiveModel:
    checkpoint: Checkpoint
    spec: str
    """As the person wrote it."""
    _lock: Lock = field(default_factory=Lock)

    def read(self, prompt: str, answer: str) -> LensResult:
        """Every stream at every token. `answer`: may be empty.

        Raises StrataError for a text that is empty or too long, BusyError while another request is at work.
        """
        self._check(_NAMED["prompt"], prompt)
        if len(answer) > MOST_LETTERS:
            raise StrataError(f"The answer has {len(answer):,} letters", f"Give at most {MOST_LETTERS:,}")
        with self._alone():
            return logit_lens(self.checkpoint, prompt, answer or None, positions="all")

    def patched(self, pair: Pair, cell: Cell) -> tuple[PatchingResult, str | int]:
        """Both directions of patching at every block, and the position: `last`, or the index of the last token that differs.

        Raises as `read`, and StrataError where the pair can't be used.
        """
        for name, named in _NAMED.items():
            self._check(named, getattr(pair, name))
        position = self._span_end(pair) if at_span(cell) else "last"
        with self._alone():
            result = patch(
                self.checkpoint, [(pair.prompt, pair.answer, pair.foil_prompt, pair.foil)], components=component_of(cell),
                positions=position, direction="both",
            )  # fmt: skip
        return result, position

    def _span_end(self, pair: Pair) -> int:
        """Of the replaced words their last token; the last token of the prompt where the two are of other lengths, which `patch` then says."""
        clean, foil = (self.checkpoint.encode(text) for text in (pair.prompt, pair.foil_prompt))
        differing = [place for place, (one, other) in enumerate(zip(clean, foil, strict=False)) if one != other]
        return differing[-1] if differing else len(clean) - 1

    def _check(self, what: str, text: str) -> None:
        if not text:
            raise StrataError(f"{what} is empty", "Give some text")
        if len(text) > MOST_LETTERS:
            raise StrataError(f"{what} has {len(text):,} letters", f"Give at most {MOST_LETTERS:,}")
        tokens = len(self.checkpoint.encode(text))
        if tokens > MOST_TOKENS:
            raise StrataError(f"{what} has {tokens} tokens", f"Give at most {MOST_TOKENS}")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if not self._lock.acquire(blocking=False):
            raise BusyError("Another request is being worked on", "Ask again when it is done")
        try:
            yield
        finally:
            self._lock.release()
