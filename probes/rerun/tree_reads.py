"""Reads of prompts that begin alike: what they share is run once. Few-shot prompts of a family share most of their tokens."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from jaxtyping import Float, Int
from torch import Tensor, nn

from strata.probes.backends.contract import Activations, Site, SiteEdit
from strata.probes.backends.packed_linear import packed_linears
from strata.probes.backends.torch_hooks import TorchHooks
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.prompts.batching import Batch
from strata.probes.rerun.no_restart import NoRestartError
from strata.probes.rerun.recorded_tree import NoTreeError, RowsOfTree, TreeRecorder, rows_of_tree
from strata.probes.rerun.shared_prefix import attention_by

_MOST_SCORES = 2_000_000
"""Of a head, in the rows of one batch: attention by hand holds them all at once."""


class TreeReads(TorchHooks):
    """As `TorchHooks`, to rounding; on a CPU, what is read of a batch without edits is run as the tree of its prompts, by weights that
    are kept laid out for the processor (see `packed_linear`). Rows are multiplied as the model does it, so that self-tests can tell
    an error from rounding.

    An architecture whose tokens can't be run so is run in rows from the first refusal on.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__(checkpoint)
        # On a GPU a short batch is as fast as a tree of it, and attention by hand slower than by its kernels.
        self._as_trees = checkpoint.device.type == "cpu"

    @property
    def shares_beginnings(self) -> bool:
        return self._as_trees

    def _run(
        self,
        batch: Batch,
        edits: Sequence[SiteEdit],
        where: Int[Tensor, "item position"] | None,
        sites: Sequence[Site],
        logits: bool,
    ) -> Activations:
        n_rows, n_columns = batch.ids.shape
        in_rows = edits or where is None or not self._as_trees or n_rows * n_columns**2 > _MOST_SCORES
        tree = None if in_rows else rows_of_tree(self.checkpoint, batch)
        if tree is not None and where is not None:
            with suppress(NoTreeError, NoRestartError), packed_linears(self.checkpoint.body, None):
                return self._of_tree(tree, where, sites, logits)
            self._as_trees = False
        return super()._run(batch, edits, where, sites, logits)

    def _of_tree(
        self, rows: RowsOfTree, where: Int[Tensor, "item position"], sites: Sequence[Site], logits: bool
    ) -> Activations:
        model, tree = self.checkpoint, rows.tree
        nodes = tree.node.gather(1, where.cpu())
        recorder = TreeRecorder(rows)
        ran: list[nn.Module] = []

        def pick(h: Float[Tensor, "one node width"]) -> Float[Tensor, "item position width"]:
            return h[0][nodes.to(h.device)]

        inputs = {"input_ids": tree.ids, "attention_mask": tree.mask, "position_ids": tree.position_ids}
        handles = [block.register_forward_pre_hook(lambda block, _args: ran.append(block)) for block in model.blocks]
        handles.append(model.blocks[0].register_forward_pre_hook(rows.entered, with_kwargs=True))
        try:
            with attention_by(recorder, model.attention):
                values = self._forward(inputs, (), pick, sites, logits)
        finally:
            for handle in handles:
                handle.remove()
        if len(recorder.blocks) != len(ran):
            raise NoTreeError("attention")
        return values
