"""Recordings that several measurements of one batch share: the same prompts are not run again for each of them."""

from __future__ import annotations

from collections.abc import Sequence

from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.prompts.prompt import Prompt
from strata.probes.rerun.recording import Recording, record

_HELD = 2


class Runs:
    """Runs prompts of one checkpoint and holds the last two recordings: the clean and the counterfactual prompts of a batch."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        self._held: dict[tuple[tuple[int, ...], ...], Recording] = {}

    def of(self, prompts: Sequence[Prompt], keep: int) -> Recording:
        """A recording of `prompts` that keeps at least the last `keep` columns; see `record`."""
        key = tuple(prompt.ids for prompt in prompts)
        recording = self._held.get(key)
        if recording is None or recording.n_columns - recording.first < min(keep, recording.n_columns):
            self._held.pop(key, None)
            while len(self._held) >= _HELD:
                self._held.pop(next(iter(self._held)))
            self._held[key] = recording = record(self.checkpoint, prompts, keep=keep)
        return recording
