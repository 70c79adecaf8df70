"""Recordings that several measurements of one batch share: the same prompts are not run again for each of them."""

from __future__ import annotations

from collections.abc import Sequence

from strata.probes.backends.contract import Backend
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.prompts.prompt import Prompt
from strata.probes.rerun.recording import Recording, record, record_each

_HELD = 2


class Runs:
    """Runs prompts of one checkpoint and holds the last two recordings: the clean and the counterfactual prompts of a batch."""

    def __init__(self, checkpoint: Checkpoint, backend: Backend | None = None) -> None:
        """`backend`: what runs them; None: torch's hooks."""
        self.checkpoint, self.backend = checkpoint, backend
        self._held: dict[tuple[tuple[int, ...], ...], Recording] = {}

    def of(self, prompts: Sequence[Prompt], keep: int) -> Recording:
        """A recording of `prompts` that keeps at least the last `keep` columns; see `record`."""
        recording = self._known(prompts, keep)
        if recording is None:
            recording = self._hold(self.unheld(prompts, keep))
        return recording

    def unheld(self, prompts: Sequence[Prompt], keep: int) -> Recording:
        """The same, for whoever holds it."""
        return record(self.checkpoint, prompts, keep=keep, backend=self.backend)

    def of_both(self, clean: Sequence[Prompt], foil: Sequence[Prompt], keep: int) -> tuple[Recording, Recording]:
        """The same of the clean and of the counterfactual prompts of a batch, which are run together; see `record_each`."""
        known = self._known(clean, keep), self._known(foil, keep)
        if known[0] is not None and known[1] is not None:
            return known[0], known[1]
        one, other = record_each(self.checkpoint, [clean, foil], keep=keep, backend=self.backend)
        return self._hold(one), self._hold(other)

    def _known(self, prompts: Sequence[Prompt], keep: int) -> Recording | None:
        recording = self._held.get(_key(prompts))
        enough = recording is not None and recording.n_columns - recording.first >= min(keep, recording.n_columns)
        return recording if enough else None

    def _hold(self, recording: Recording) -> Recording:
        key = _key(recording.prompts)
        self._held.pop(key, None)
        while len(self._held) >= _HELD:
            self._held.pop(next(iter(self._held)))
        self._held[key] = recording
        return recording


def _key(prompts: Sequence[Prompt]) -> tuple[tuple[int, ...], ...]:
    return tuple(prompt.ids for prompt in prompts)
