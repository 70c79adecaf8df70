"""Prompts recorded as the tree of their tokens give what they give side by side in a rectangle."""

from __future__ import annotations

import pytest
import torch
from tiny_models import ARCHITECTURES, counts_from_its_mask, tiny_checkpoint
from torch import Tensor

from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.prompts.batching import pad
from strata.probes.prompts.prompt import Prompt
from strata.probes.prompts.prompt_tree import tree_of
from strata.probes.rerun import recording as module
from strata.probes.rerun.edit_sweep import sweep
from strata.probes.rerun.recording import Recording, record, record_each
from strata.probes.rerun.run_edits import Replacement
from strata.probes.rerun.shared_recordings import Runs

SHOTS = (7, 8, 9, 10, 11, 12)
CLEAN = [
    Prompt("a", (*SHOTS, 20, 13)),
    Prompt("b", (*SHOTS, 21, 13)),
    Prompt("c", (5, 6, 22, 13)),
    Prompt("d", (5, 13)),
]
FOIL = [Prompt("a", (*SHOTS, 30, 13)), Prompt("b", (*SHOTS, 21, 14)), Prompt("c", (5, 6, 23, 13)), Prompt("d", (6, 13))]


def test_a_tree_holds_every_token_of_every_prompt_once() -> None:
    batch = pad(CLEAN, 0, "left")
    tree = tree_of(batch)
    assert tree is not None
    assert torch.equal(tree.ids[0][tree.node] * batch.mask, batch.ids * batch.mask)
    assert torch.equal(tree.position_ids[0][tree.node] * batch.mask, batch.position_ids * batch.mask)
    distinct = {prompt.ids[:length] for prompt in CLEAN for length in range(1, len(prompt.ids) + 1)}
    assert tree.ids.shape == (1, 1 + len(distinct)) and int(tree.mask.sum()) == len(distinct)
    assert torch.equal(tree.taken_up(tree.node[..., None])[1:, 0], torch.arange(1, 1 + len(distinct)))


def test_prompts_that_share_nothing_are_no_tree() -> None:
    assert tree_of(pad([Prompt("a", (1, 2, 3)), Prompt("b", (2, 3, 4))], 0, "left")) is None


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_both_sides_recorded_together_are_those_recorded_alone(
    architecture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = tiny_checkpoint(architecture)
    together = record_each(checkpoint, [CLEAN, FOIL], keep=3)
    monkeypatch.setattr(module, "rows_of_tree", lambda _checkpoint, _batch: None)
    alone = [record(checkpoint, prompts, keep=3) for prompts in (CLEAN, FOIL)]
    for one, other in zip(together, alone, strict=True):
        real = other.batch.mask.bool()
        close(one.streams, other.streams, real[:, -3:])
        close(one.attn_out, other.attn_out, real[:, -3:])
        close(one.mlp_out, other.mlp_out, real[:, -3:])
        for name in ("keys", "values"):
            close(*([getattr(a, name).transpose(1, 2) for a in run.attention] for run in (one, other)), real)
        close((edited(one),), (edited(other),), torch.ones(len(CLEAN), 1, dtype=torch.bool))


def close(got: object, expected: object, real: Tensor) -> None:
    for one, other in zip(got, expected, strict=True):
        torch.testing.assert_close(one[real], other[real], rtol=2e-5, atol=2e-5 * float(other[real].abs().max()))


def edited(recording: Recording) -> Tensor:
    """The last stream after an edit at the token before the last one."""
    new = torch.randn(4, 1, recording.checkpoint.d_model, generator=torch.Generator().manual_seed(1))
    where = torch.full((4, 1), recording.n_columns - 2)
    return sweep(recording, [Replacement("mlp_out", range(0, 1), lambda at: new)], where)[0]


def test_a_window_of_tokens_is_no_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    assert trees_tried(tiny_checkpoint("mistral", sliding_window=3), monkeypatch) == [True, False]


@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
def test_a_body_that_counts_positions_by_itself_is_no_tree(architecture: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the mask, say: right for a padded row, where each token has one place, and wrong for the nodes of a tree."""
    checkpoint = tiny_checkpoint(architecture)
    assert trees_tried(checkpoint, monkeypatch) == [True]
    counts_from_its_mask(checkpoint)
    assert trees_tried(checkpoint, monkeypatch) == [True, False]


def trees_tried(checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    calls: list[bool] = []
    original = module._recorded

    def seen(*given: object) -> Recording:
        calls.append(given[-1] is not None)
        return original(*given)

    with monkeypatch.context() as patch:
        patch.setattr(module, "_recorded", seen)
        record(checkpoint, CLEAN)
    return calls


def test_what_is_held_of_both_sides_is_not_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = Runs(tiny_checkpoint("llama"))
    both = runs.of_both(CLEAN, FOIL, 3)
    assert runs.of_both(CLEAN, FOIL, 2) == both and runs.of(CLEAN, 3) is both[0]
    assert runs.of_both(CLEAN, FOIL, 4)[0] is not both[0]
