"""Where position embeddings depend on a prompt's length, no prompt's numbers depend on the prompts it shares a batch with.

The reference is plain Hugging Face: a fresh model for each prompt, one prompt at a time, no padding.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache
from typing import Any

import pytest
import torch
from tiny_models import tiny_model, tiny_tokenizer

from strata.probes.backends import BACKENDS, open_backend, streams_of
from strata.probes.backends.batched_reads import BatchBudget, capture_batches
from strata.probes.backends.contract import Site, SiteEdit
from strata.probes.backends.torch_hooks import TorchHooks
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.open_spec import checkpoint_from
from strata.probes.decoding.generate import generate
from strata.probes.model_diff.body_run import run_body
from strata.probes.model_diff.shared_rows import shares_rows
from strata.probes.prompts.batching import pad
from strata.probes.prompts.prompt import Prompt
from strata.probes.prompts.row_layout import apart
from strata.probes.rerun.edit_sweep import sweep
from strata.probes.rerun.recording import record
from strata.probes.rerun.run_edits import Replacement

THRESHOLD = 12
LONG = {
    "rope_type": "longrope", "rope_theta": 10000.0, "original_max_position_embeddings": THRESHOLD,
    "short_factor": [1.0, 1.1, 1.3, 1.6], "long_factor": [1.0, 3.0, 8.0, 20.0],
}  # fmt: skip
STRETCHED: dict[str, tuple[str, dict[str, Any]]] = {
    "long rope": ("phi3", {"original_max_position_embeddings": THRESHOLD, "rope_parameters": LONG}),
    "long rope of another family": ("llama", {"rope_parameters": LONG}),
    "dynamic": (
        "llama",
        {"max_position_embeddings": THRESHOLD, "rope_parameters": {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 4.0}},
    ),
}  # fmt: skip
LENGTHS = (5, THRESHOLD, THRESHOLD + 1, 23, 30, 8)
CLOSE = {"atol": 2e-4, "rtol": 2e-4}

pytestmark = pytest.mark.parametrize("name", list(STRETCHED))


def fresh(name: str) -> Any:
    architecture, changes = STRETCHED[name]
    return tiny_model(architecture, **changes)


def opened(name: str) -> Checkpoint:
    return checkpoint_from(fresh(name), tiny_tokenizer())


def prompts(lengths: Sequence[int] = LENGTHS) -> list[Prompt]:
    draw = random.Random(0)
    rows = [tuple(draw.randrange(4, 80) for _ in range(length)) for length in lengths]
    return [Prompt(str(row), ids, {"last": len(ids) - 1}) for row, ids in enumerate(rows)]


@cache
def alone(name: str, ids: tuple[int, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    """(streams 0..L−1 and the normed last one, logits) of one prompt in a model of its own."""
    with torch.no_grad():
        output = fresh(name)(input_ids=torch.tensor([ids]), output_hidden_states=True, use_cache=False)
    return torch.cat(output.hidden_states), output.logits[0]


def test_the_reference_does_depend_on_batch_mates(name: str) -> None:
    short, long = prompts((5, 30))
    batch = pad([short, long], 0)
    with torch.no_grad():
        output = fresh(name)(input_ids=batch.ids, attention_mask=batch.mask, use_cache=False)
    assert (output.logits[0, :5] - alone(name, short.ids)[1]).abs().max() > 0.05


@pytest.mark.parametrize("tokens", [1, 40, 10_000])
@pytest.mark.parametrize("side", ["right", "left"])
def test_captured_streams_are_those_of_each_prompt_alone(name: str, side: Any, tokens: int) -> None:
    checkpoint, rows = opened(name), prompts()
    budget = BatchBudget.for_device(checkpoint.device, tokens)
    for batch in capture_batches(
        TorchHooks(checkpoint), rows, pad_id=0, device=checkpoint.device, side=side, budget=budget
    ):  # fmt: skip
        for row, values in zip(batch.rows, batch.values, strict=True):
            hidden, logits = alone(name, rows[row].ids)
            torch.testing.assert_close(values[:-1, 0], hidden[:-1, -1], **CLOSE)
            torch.testing.assert_close(checkpoint.readout.logits(values[-1, 0]), logits[-1], **CLOSE)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("side", ["right", "left"])
def test_every_backend_reads_each_row_as_if_it_were_alone(name: str, side: Any, backend: str) -> None:
    checkpoint, rows = opened(name), prompts()
    batch = pad(rows, 0, side)
    activations = open_backend(backend, checkpoint).read(batch, streams_of(checkpoint.n_layers), logits=True)
    assert activations.logits is not None
    for row, (logits, mask) in enumerate(zip(activations.logits, batch.mask.bool(), strict=True)):
        torch.testing.assert_close(logits[mask], alone(name, rows[row].ids)[1], **CLOSE)


def test_nothing_is_left_behind_for_the_next_prompt(name: str) -> None:
    checkpoint = opened(name)
    backend = TorchHooks(checkpoint)
    for prompt in prompts((30, 5, 23, THRESHOLD, 40, THRESHOLD + 1)):
        logits = backend.read(pad([prompt], 0), [], logits=True).logits
        assert logits is not None
        torch.testing.assert_close(logits[0], alone(name, prompt.ids)[1], **CLOSE)


def test_recorded_and_restarted_runs_are_those_of_each_prompt_alone(name: str) -> None:
    checkpoint, rows = opened(name), prompts()
    run = record(checkpoint, rows)
    layer = 1
    where = torch.tensor([[run.n_columns - 2, run.n_columns - 1]]).expand(len(rows), 2)
    values = torch.randn(len(rows), 2, checkpoint.d_model, generator=torch.Generator().manual_seed(0))
    ends = sweep(run, [Replacement("block_out", range(layer, layer + 1), lambda at: values)], where)[0, :, 0]
    for row, prompt in enumerate(rows):
        hidden, logits = alone(name, prompt.ids)
        start = int(run.batch.start[row])
        streams = torch.stack([stream[row, start:] for stream in run.streams[:-1]])
        torch.testing.assert_close(streams, hidden[:-1], **CLOSE)
        places = torch.tensor([[len(prompt.ids) - 2, len(prompt.ids) - 1]])
        edit = SiteEdit(Site("block_out", layer), places, values[row : row + 1])
        edited = TorchHooks(opened(name)).edit(pad([prompt], 0), [edit], places[:, 1:]).logits
        assert edited is not None
        torch.testing.assert_close(checkpoint.readout.logits(ends[row]), edited[0, 0], **CLOSE)
        assert not torch.allclose(edited[0, 0], logits[-1], **CLOSE)


def test_rows_laid_apart_are_run_as_if_alone_and_none_are_shared(name: str) -> None:
    checkpoint, rows = opened(name), prompts()
    layout = apart(rows, 0)
    streams = run_body(checkpoint, layout).streams
    for row, prompt in enumerate(rows):
        hidden, _ = alone(name, prompt.ids)
        for stream, wanted in zip(streams[:-1], hidden[:-1], strict=True):
            torch.testing.assert_close(stream[row, layout.columns[row]], wanted[-1], **CLOSE)
    assert not shares_rows(checkpoint, rows)
    assert shares_rows(checkpoint, prompts((5, 8)))


def test_texts_that_grow_across_the_threshold_are_those_of_each_prompt_alone(name: str) -> None:
    lengths = (THRESHOLD - 3, THRESHOLD - 1, THRESHOLD, THRESHOLD + 1, 3, 4, 25, THRESHOLD - 1)
    architecture, changes = STRETCHED[name]
    checkpoint, rows = opened(name), prompts(lengths)
    made = generate(checkpoint, rows, max_new_tokens=8)
    for generation, prompt in zip(made, rows, strict=True):
        model = tiny_model(architecture, **changes)
        wanted = model.generate(
            input_ids=torch.tensor([prompt.ids]), attention_mask=torch.ones(1, len(prompt.ids), dtype=torch.long),
            max_new_tokens=8, do_sample=False, pad_token_id=0, eos_token_id=2,
        )  # fmt: skip
        assert generation.ids == tuple(wanted[0, len(prompt.ids) :].tolist())
