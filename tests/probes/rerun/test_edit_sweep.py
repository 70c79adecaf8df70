"""Runs that start from the middle give what the whole forward pass with the same edit gives."""

from __future__ import annotations

import pytest
import torch
from tiny_models import ARCHITECTURES, tiny_checkpoint
from torch import Tensor

from strata.probes.backends.contract import Site
from strata.probes.backends.torch_hooks import TorchHooks
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.errors import StrataError
from strata.probes.prompts.prompt import Prompt
from strata.probes.rerun import edit_sweep
from strata.probes.rerun.edit_sweep import sweep
from strata.probes.rerun.recording import record
from strata.probes.rerun.rerun_block import rerun_block, rerun_last_column
from strata.probes.rerun.run_edits import COMPONENTS, Component, Knockout, Replacement
from strata.probes.rerun.shared_recordings import Runs
from strata.probes.rerun.sweep_plan import rows_of_like_reach


def prompts_of(*lengths: int, seed: int = 0) -> list[Prompt]:
    generator = torch.Generator().manual_seed(seed)
    return [
        Prompt(str(row), tuple(torch.randint(5, 40, (length,), generator=generator).tolist()))
        for row, length in enumerate(lengths)
    ]


def whole_pass(checkpoint: Checkpoint, recording, edit: Replacement, where: Tensor, keep: int) -> Tensor:
    last = Site("resid_post", checkpoint.n_layers - 1)
    read = TorchHooks(checkpoint).edit(recording.batch, edit.site_edits(where), None, sites=[last], logits=False)
    return read.values[last][:, -keep:]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("component", COMPONENTS)
def test_a_restarted_run_equals_the_whole_forward_pass(
    architecture: str, component: Component, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = tiny_checkpoint(architecture)
    prompts = prompts_of(9, 12, 7)
    recording = record(checkpoint, prompts)
    where = (
        torch.tensor([[len(prompt.ids) - 3, len(prompt.ids) - 1] for prompt in prompts])
        + recording.batch.start[:, None]
    )
    new = torch.randn(3, 2, checkpoint.d_model, generator=torch.Generator().manual_seed(1))
    edits = [Replacement(component, range(at, at + 1), lambda at: new) for at in range(checkpoint.n_layers)]
    if component != "resid_pre":
        edits.append(Replacement(component, range(0, 2), lambda at: new * (at + 1)))
    for chunk_tokens in (1, 10_000):
        monkeypatch.setitem(edit_sweep._CHUNK_TOKENS, "cpu", chunk_tokens)
        swept = sweep(recording, edits, where, keep=2)
        for edit, ends in zip(edits, swept, strict=True):
            expected = whole_pass(checkpoint, recording, edit, where, 2)
            torch.testing.assert_close(ends, expected, rtol=2e-5, atol=2e-5 * float(expected.abs().max()))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_last_column_alone_is_what_the_whole_block_gives_there(architecture: str) -> None:
    checkpoint = tiny_checkpoint(architecture)
    recording = record(checkpoint, prompts_of(9, 12, 7))
    last = recording.n_columns - 1
    for layer in range(checkpoint.n_layers):
        for start in (last - 4, last):
            stream = recording.streams[layer][:, start:]
            noise = torch.randn((2, *stream.shape), generator=torch.Generator().manual_seed(layer))
            with torch.no_grad():
                whole = rerun_block(recording, layer, stream + noise, start)
                alone = rerun_last_column(recording, layer, stream + noise, start)
            torch.testing.assert_close(alone, whole[:, :, -1:], rtol=2e-5, atol=2e-5 * float(whole.abs().max()))


def test_many_components_of_one_sweep_do_not_mix() -> None:
    checkpoint = tiny_checkpoint("qwen3")
    recording = record(checkpoint, prompts_of(6, 6), keep=3)
    where = torch.tensor([[recording.n_columns - 2], [recording.n_columns - 1]])
    new = torch.randn(2, 1, checkpoint.d_model, generator=torch.Generator().manual_seed(2))
    edits = [
        Replacement(component, range(at, at + 1), lambda at: new)
        for at in (2, 0, 1)
        for component in ("mlp_out", "resid_pre", "attn_out", "block_out")
    ]
    for edit, ends in zip(edits, sweep(recording, edits, where), strict=True):
        expected = whole_pass(checkpoint, recording, edit, where, 1)
        torch.testing.assert_close(ends, expected, rtol=2e-5, atol=2e-5 * float(expected.abs().max()))


def test_a_recorded_contribution_is_what_the_block_adds() -> None:
    checkpoint = tiny_checkpoint("llama")
    recording = record(checkpoint, prompts_of(5, 8))
    for layer in range(checkpoint.n_layers):
        added = recording.streams[layer + 1] - recording.streams[layer]
        torch.testing.assert_close(recording.contribution("block_out", layer), added, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("architecture", ["llama", "gemma2", "gpt2"])
def test_a_knocked_out_edge_equals_a_forward_pass_with_that_edge_masked(architecture: str) -> None:
    """Reference: eager attention of the plain model whose additive mask is changed in the blocks of the window."""
    checkpoint = tiny_checkpoint(architecture)
    checkpoint.model.set_attn_implementation("eager")
    prompts = prompts_of(7, 5)
    recording = record(checkpoint, prompts)
    last = torch.tensor([[recording.n_columns - 1]] * 2)
    sources = torch.tensor([[2], [1]]) + recording.batch.start[:, None]
    swept = sweep(recording, [Knockout(range(1, 3), sources), Knockout(range(0, 1), sources)], last)

    def masked(window: range) -> Tensor:
        handles = []

        def hide(_module, args, kwargs):
            args = list(args)
            place = next((i for i, value in enumerate(args) if torch.is_tensor(value) and value.ndim == 4), None)
            mask = (kwargs["attention_mask"] if place is None else args[place]).clone()
            mask = mask.expand(2, -1, -1, -1).clone()
            for row in range(2):
                mask[row, :, -1, int(sources[row])] = torch.finfo(mask.dtype).min
            if place is None:
                return tuple(args), {**kwargs, "attention_mask": mask}
            args[place] = mask
            return tuple(args), kwargs

        for layer in window:
            handles.append(checkpoint.blocks[layer].register_forward_pre_hook(hide, with_kwargs=True))
        try:
            stream = Site("resid_post", checkpoint.n_layers - 1)
            return TorchHooks(checkpoint).read(recording.batch, [stream], last).values[stream]
        finally:
            for handle in handles:
                handle.remove()

    for window, ends in zip((range(1, 3), range(0, 1)), swept, strict=True):
        torch.testing.assert_close(ends, masked(window), rtol=1e-4, atol=1e-4)


def test_a_block_or_position_that_does_not_exist_is_refused_before_anything_runs() -> None:
    checkpoint = tiny_checkpoint("llama")
    recording = record(checkpoint, prompts_of(6, 4), keep=2)
    calls = 0

    def counted(at: int) -> Tensor:
        nonlocal calls
        calls += 1
        return torch.zeros(2, 1, checkpoint.d_model)

    last = torch.tensor([[recording.n_columns - 1]] * 2)
    for edit, where, words in (
        (Replacement("mlp_out", range(3, 4), counted), last, "Blocks 3 to 3 do not exist"),
        (Replacement("mlp_out", range(-1, 1), counted), last, "do not exist"),
        (Replacement("mlp_out", range(0, 1), counted), last + 1, "outside the prompts"),
        (Replacement("mlp_out", range(0, 1), counted), last * 0, "outside the prompts"),
        (Replacement("mlp_out", range(0, 1), counted), last - 2, "where the recording begins"),
        (Replacement("resid_pre", range(0, 2), counted), last, "not in a window"),
    ):
        with pytest.raises(StrataError, match=words):
            sweep(recording, [edit], where)
    assert calls == 0


def test_the_model_is_as_it_was_after_a_sweep() -> None:
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    checkpoint = tiny_checkpoint("llama")
    before = dict(ALL_ATTENTION_FUNCTIONS._local_mapping)
    recording = record(checkpoint, prompts_of(6))

    def broken(at: int) -> Tensor:
        raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        sweep(recording, [Replacement("attn_out", range(0, 1), broken)], torch.tensor([[recording.n_columns - 1]]))
    assert dict(ALL_ATTENTION_FUNCTIONS._local_mapping) == before
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in checkpoint.model.modules())


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_rows_edited_far_apart_are_recomputed_in_groups_and_are_the_whole_forward_pass(architecture: str) -> None:
    checkpoint = tiny_checkpoint(architecture)
    prompts = prompts_of(14, 16, 9, 15, 12)
    recording = record(checkpoint, prompts)
    back = torch.tensor([[12, 12], [2, 1], [3, 1], [13, 2], [1, 1]])
    where = recording.n_columns - back
    new = torch.randn(5, 2, checkpoint.d_model, generator=torch.Generator().manual_seed(1))
    new[:, 1] = torch.where(back[:, :1] == back[:, 1:], new[:, 0], new[:, 1])
    edits = [
        Replacement(component, range(1, 2), lambda at: new * (at + 1))
        for component in ("attn_out", "mlp_out", "resid_pre")
    ]
    swept = sweep(recording, edits, where, keep=2)
    for edit, ends in zip(edits, swept, strict=True):
        expected = whole_pass(checkpoint, recording, edit, where, 2)
        torch.testing.assert_close(ends, expected, rtol=2e-5, atol=2e-5 * float(expected.abs().max()))


def test_a_group_spans_a_quarter_of_its_columns_and_one() -> None:
    starts = 20 - torch.tensor([1, 2, 3, 8, 9, 11, 12, 20])
    assert [rows.tolist() for rows in rows_of_like_reach(starts, 20)] == [[0, 1], [2], [3, 4, 5], [6], [7]]
    assert [rows.tolist() for rows in rows_of_like_reach(starts.flip(0), 20)] == [[6, 7], [5], [2, 3, 4], [1], [0]]


def test_measurements_of_one_batch_share_its_recordings() -> None:
    checkpoint = tiny_checkpoint("llama")
    runs, prompts, others, third = Runs(checkpoint), prompts_of(5, 7), prompts_of(6, 6, seed=1), prompts_of(4, seed=2)
    first = runs.of(prompts, 4)
    assert runs.of(prompts, 3) is first
    assert runs.of(others, 2) is not first
    assert runs.of(prompts, 4) is first
    longer = runs.of(prompts, 6)
    assert longer is not first and longer.n_columns - longer.first == 6
    runs.of(third, 2)
    assert runs.of(prompts, 6) is longer and runs.of(others, 2) is not None
    assert len(runs._held) == 2, "no more recordings are held than a batch has"
