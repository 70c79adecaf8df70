"""Has this checkpoint passed the gate already? The gate's tests run once for a checkpoint, and again for longer prompts."""

from __future__ import annotations

from collections.abc import Sequence
from weakref import WeakKeyDictionary

from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.progress import Progress, silent
from strata.probes.prompts.prompt import Prompt
from strata.probes.verification.before_measuring import admit

_LONGEST: WeakKeyDictionary[Checkpoint, int] = WeakKeyDictionary()
"""Tokens of the longest prompt that each checkpoint was tested on."""


def admit_once(checkpoint: Checkpoint, prompts: Sequence[Prompt], *, progress: Progress = silent) -> None:
    """`admit`, unless this very checkpoint was admitted before on prompts as long as these. Raises as `admit` does."""
    longest = max(len(prompt.ids) for prompt in prompts)
    if longest > _LONGEST.get(checkpoint, 0):
        admit(checkpoint, prompts, progress=progress)
        _LONGEST[checkpoint] = longest
