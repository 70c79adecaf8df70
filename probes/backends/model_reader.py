"""What reads one open model in all the long stages of a run: through which library, in which batches, and who hears how far it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from strata.probes.backends.batched_reads import BatchBudget, CapturedBatch, capture_batches
from strata.probes.backends.contract import Backend, Site
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.progress import Progress, silent
from strata.probes.prompts.prompt import Prompt


@dataclass(frozen=True)
class ModelReader:
    """A model and how it is read, the same from stage to stage: what one stage learns of the size of batches, the next one knows."""

    checkpoint: Checkpoint
    backend: Backend
    """The library that runs the forward passes."""
    budget: BatchBudget | None = None
    """Of a batch; None: every stage finds its own."""
    progress: Progress = silent

    def batches(
        self,
        prompts: Sequence[Prompt],
        *,
        stage: str,
        sites: Sequence[Site] | None = None,
        positions: Sequence[str] = ("last",),
        keep_on_device: bool = True,
    ) -> Iterator[CapturedBatch]:
        """`capture_batches` of `prompts`: values (item site position d_model) of `sites` (None: streams 0..L).

        `stage` is what the progress calls it. Raises DoesNotFitError when a single prompt doesn't fit into memory.
        """
        return capture_batches(
            self.backend, prompts, pad_id=self.checkpoint.pad_id, device=self.checkpoint.device, sites=sites,
            positions=positions, budget=self.budget, keep_on_device=keep_on_device, progress=self.progress, stage=stage,
        )  # fmt: skip
