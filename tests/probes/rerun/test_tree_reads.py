"""What is read of a tree of prompts is what is read of them side by side."""

from __future__ import annotations

import pytest
import torch
from tiny_models import ARCHITECTURES, counts_from_its_mask, tiny_checkpoint

from strata.probes.backends.contract import Site, SiteEdit, streams_of
from strata.probes.backends.torch_hooks import TorchHooks
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.prompts.batching import Side, pad
from strata.probes.prompts.prompt import Prompt
from strata.probes.rerun import tree_reads as module
from strata.probes.rerun.tree_reads import TreeReads

SHOTS = (7, 8, 9, 10, 11, 12)
PROMPTS = [
    Prompt("a", (*SHOTS, 20, 13)),
    Prompt("b", (*SHOTS, 21, 13)),
    Prompt("c", (5, 6, 22, 13)),
    Prompt("d", (5, 13)),
    Prompt("e", (*SHOTS, 20, 14)),
]


def same_reads(checkpoint: Checkpoint, reads: TreeReads, side: Side) -> None:
    batch = pad(PROMPTS, 0, side)
    length = batch.mask.sum(-1)
    where = batch.start[:, None] + torch.stack([length - 1, length - 2], 1)
    sites = [
        *streams_of(checkpoint.n_layers),
        *(Site(name, layer) for name in ("attn_out", "mlp_out") for layer in range(checkpoint.n_layers)),
    ]
    got, expected = (backend.read(batch, sites, where, logits=True) for backend in (reads, TorchHooks(checkpoint)))
    for site in sites:
        near(got.values[site], expected.values[site])
    assert got.logits is not None and expected.logits is not None
    near(got.logits, expected.logits)


def near(got: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-5 * float(expected.abs().max()))


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_tree_is_read_as_its_rows(architecture: str, side: Side) -> None:
    checkpoint = tiny_checkpoint(architecture)
    same_reads(checkpoint, TreeReads(checkpoint), side)


def test_a_read_up_to_a_block_stops_there() -> None:
    checkpoint = tiny_checkpoint("llama")
    ran: list[int] = []
    checkpoint.blocks[2].register_forward_hook(lambda *_: ran.append(2))
    batch = pad(PROMPTS, 0)
    TreeReads(checkpoint).read(batch, [Site("mlp_out", 1)], torch.zeros(len(PROMPTS), 1, dtype=torch.long))
    assert not ran


@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
def test_a_body_that_counts_positions_by_itself_is_read_in_rows(
    architecture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = tiny_checkpoint(architecture)
    counts_from_its_mask(checkpoint)
    reads = TreeReads(checkpoint)
    same_reads(checkpoint, reads, "left")
    # Once refused, no batch is tried again.
    monkeypatch.setattr(module, "rows_of_tree", lambda _checkpoint, _batch: pytest.fail("tried again"))
    same_reads(checkpoint, reads, "left")


def test_edits_and_whole_rows_are_run_in_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = tiny_checkpoint("llama")
    monkeypatch.setattr(module, "rows_of_tree", lambda _checkpoint, _batch: pytest.fail("a tree was made"))
    batch, where = pad(PROMPTS, 0), torch.zeros(len(PROMPTS), 1, dtype=torch.long)
    reads = TreeReads(checkpoint)
    reads.read(batch, streams_of(checkpoint.n_layers))
    reads.edit(batch, [SiteEdit(Site("mlp_out", 1), where, torch.zeros(len(PROMPTS), 1, checkpoint.d_model))], where)
