"""The logit lens against plain Hugging Face and brute force over the whole vocabulary."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_hf import scaled_model, streams_and_logits
from tiny_models import ARCHITECTURES, VOCAB_SIZE, tiny_checkpoint
from torch import Tensor, nn

from strata.probes.checkpoints.architecture_anatomy import anatomy_of
from strata.probes.checkpoints.readout import Readout, readout_of
from strata.probes.errors import StrataError
from strata.probes.lens.chunked import Tiling
from strata.probes.lens.lenses import LogitLens
from strata.probes.lens.logit import NO_TOKEN, difference_from_the_model, read_lens


def random_readout(vocab: int, d_model: int = 8, *, softcap: float | None = None, bias: bool = False) -> Readout:
    generator = torch.Generator().manual_seed(vocab)
    return Readout(
        norm=nn.LayerNorm(d_model).requires_grad_(False),
        weight=torch.randn(vocab, d_model, generator=generator),
        bias=torch.randn(vocab, generator=generator) if bias else None,
        softcap=softcap,
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_lens_at_the_last_stream_is_the_model(architecture: str, dtype: torch.dtype) -> None:
    checkpoint = tiny_checkpoint(architecture, dtype=dtype)
    ids = torch.randint(0, VOCAB_SIZE, (3, 7), generator=torch.Generator().manual_seed(1))
    streams, logits = streams_and_logits(checkpoint.model, ids)
    difference = difference_from_the_model(checkpoint.readout, streams[:, -1].flatten(0, 1), logits.flatten(0, 1))
    assert difference < 1e-5
    earlier = difference_from_the_model(checkpoint.readout, streams[:, -2].flatten(0, 1), logits.flatten(0, 1))
    assert earlier > 1e-2


@pytest.mark.parametrize(
    ("family", "settings"), [("Cohere", {"logit_scale": 0.25}), ("Granite", {"logits_scaling": 6.0})]
)
def test_a_forgotten_scale_of_the_logits_is_noticed(family: str, settings: dict[str, float]) -> None:
    model = scaled_model(family, **settings)
    streams, logits = streams_and_logits(model, torch.arange(12)[None])
    right = readout_of(model, anatomy_of(model).final_norm)
    forgotten = Readout(right.norm, right.weight, right.bias)
    assert difference_from_the_model(forgotten, streams[0, -1], logits[0]) > 1e-3
    assert difference_from_the_model(right, streams[0, -1], logits[0]) < 1e-5


def test_a_forgotten_softcap_is_noticed() -> None:
    checkpoint = tiny_checkpoint("gemma2")
    streams, logits = streams_and_logits(checkpoint.model, torch.arange(12)[None])
    right = checkpoint.readout
    assert difference_from_the_model(Readout(right.norm, right.weight, None), streams[0, -1], logits[0]) > 1e-3


def brute_force(readout: Readout, streams: Tensor, ids: Tensor) -> tuple[Tensor, ...]:
    logits = readout.logits(streams).double()
    log_probs = logits.log_softmax(-1)
    own = logits.gather(-1, ids)
    ranks = (logits[..., None, :] > own[..., None]).sum(-1)
    return log_probs, log_probs.gather(-1, ids), ranks, -(log_probs.exp() * log_probs).sum(-1)


@settings(max_examples=40, deadline=None)
@given(
    vocab=st.integers(2, 300),
    rows=st.integers(1, 5),
    columns=st.integers(1, 300),
    k=st.integers(0, 6),
    capped=st.booleans(),
    biased=st.booleans(),
    seed=st.integers(0, 10_000),
)
def test_every_number_is_that_of_the_whole_vocabulary(
    vocab: int, rows: int, columns: int, k: int, capped: bool, biased: bool, seed: int
) -> None:
    readout = random_readout(vocab, softcap=3.0 if capped else None, bias=biased)
    generator = torch.Generator().manual_seed(seed)
    streams = torch.randn(rows, 4, 2, 8, generator=generator)
    answer = torch.randint(0, vocab, (rows,), generator=generator)
    foil = torch.randint(0, vocab, (rows, 2), generator=generator)
    reading = read_lens(
        readout,
        streams,
        {"answer": answer, "foil": foil},
        ranked=("answer", "foil"),
        top_k=k,
        kl_to_final=True,
        tiling=Tiling(rows=8, columns=columns),
    )
    ids = torch.stack([answer[:, None].expand(-1, 2), foil], -1)[:, None].expand(-1, 4, -1, -1)
    log_probs, own, ranks, entropy = brute_force(readout, streams, ids)
    torch.testing.assert_close(reading.log_probs.double(), own, atol=2e-5, rtol=1e-5)
    torch.testing.assert_close(reading.entropy.double(), entropy, atol=2e-5, rtol=1e-5)
    assert torch.equal(reading.ranks, ranks)
    best = log_probs.topk(min(k, vocab), -1)
    torch.testing.assert_close(reading.top_log_probs.double(), best.values, atol=2e-5, rtol=1e-5)
    assert torch.equal(reading.top_ids, best.indices)
    last = log_probs[:, -1:]
    divergence = (last.exp() * (last - log_probs)).sum(-1)
    assert reading.kl_to_final is not None
    torch.testing.assert_close(reading.kl_to_final.double(), divergence, atol=1e-4, rtol=1e-4)


def test_tied_logits_count_as_not_larger_and_come_in_id_order() -> None:
    """Every embedding occurs several times, so every logit is tied, in and across chunks."""
    generator = torch.Generator().manual_seed(0)
    whole_numbers = torch.randint(-9, 10, (50, 8), generator=generator).float()  # exact in any order of summation
    once = Readout(nn.Identity(), whole_numbers, None)
    tied = Readout(nn.Identity(), whole_numbers[torch.arange(400) % 50], None)
    streams = torch.randint(-9, 10, (3, 2, 1, 8), generator=generator).float()
    logits = tied.logits(streams)
    order = torch.argsort(logits, dim=-1, descending=True, stable=True)
    for columns in (400, 64, 33, 7):
        for answer in (0, 149, 399):
            targets = {"answer": torch.full((3,), answer)}
            reading = read_lens(tied, streams, targets, top_k=20, tiling=Tiling(rows=6, columns=columns))
            larger = (once.logits(streams) > logits[..., answer, None]).sum(-1)
            assert torch.equal(reading.rank("answer"), 8 * larger)
            assert torch.equal(reading.top_ids, order[..., :20])


def test_ranks_in_half_precision_are_those_of_the_models_own_logits() -> None:
    checkpoint = tiny_checkpoint("llama", dtype=torch.bfloat16, vocab_size=700)
    streams, logits = streams_and_logits(checkpoint.model, torch.arange(40)[None])
    answers = torch.randint(0, 700, (40,), generator=torch.Generator().manual_seed(0))
    assert (logits[0] == logits[0].gather(1, answers[:, None])).sum() > 100  # plenty of ties
    last = streams[0, -1][:, None, None]
    reading = read_lens(checkpoint.readout, last, {"answer": answers}, tiling=Tiling(16, 64))
    expected = (logits[0] > logits[0].gather(1, answers[:, None])).sum(-1)
    assert torch.equal(reading.rank("answer")[:, 0, 0], expected)


def test_rows_do_not_depend_on_their_neighbours_or_on_the_tiling() -> None:
    readout = random_readout(1000)
    streams = torch.randn(20, 3, 1, 8, generator=torch.Generator().manual_seed(3))
    answers = {"answer": torch.arange(20)}
    whole = read_lens(readout, streams, answers, tiling=Tiling(60, 1000))
    for tiling in (Tiling(3, 64), Tiling(9, 100), None):
        part = read_lens(readout, streams, answers, tiling=tiling)
        torch.testing.assert_close(part.log_probs, whole.log_probs, atol=1e-5, rtol=1e-5)
        assert torch.equal(part.ranks, whole.ranks) and torch.equal(part.top_ids, whole.top_ids)
    alone = read_lens(readout, streams[7:8], {"answer": torch.tensor([7])})
    torch.testing.assert_close(alone.log_probs[0], whole.log_probs[7], atol=1e-5, rtol=1e-5)


def test_an_item_without_a_target_has_none() -> None:
    readout = random_readout(30)
    reading = read_lens(readout, torch.randn(2, 3, 1, 8), {"answer": torch.tensor([4, NO_TOKEN])}, ranked=("answer",))
    assert reading.log_prob("answer")[1].isnan().all() and (reading.rank("answer")[1] == -1).all()
    assert reading.log_prob("answer")[0].isfinite().all() and (reading.rank("answer")[0] >= 0).all()


def test_logit_difference_is_the_difference_of_logits() -> None:
    readout = random_readout(30)
    streams = torch.randn(2, 3, 1, 8)
    reading = read_lens(readout, streams, {"answer": torch.tensor([4, 5]), "foil": torch.tensor([9, 1])})
    logits = readout.logits(streams)[:, :, 0]
    expected = torch.stack([logits[0, :, 4] - logits[0, :, 9], logits[1, :, 5] - logits[1, :, 1]])
    torch.testing.assert_close(reading.logit_difference()[..., 0], expected, atol=1e-5, rtol=1e-5)


def test_a_translating_lens_is_told_which_stream_it_reads() -> None:
    class Scaled(LogitLens):
        def translate(self, stream: int, h: Tensor) -> Tensor:
            return h * (stream - 5)

    readout = random_readout(30)
    streams = torch.randn(2, 2, 1, 8)
    answers = {"answer": torch.tensor([4, 5])}
    turned = read_lens(readout, streams, answers, lens=Scaled(), stream_indices=[4, 6])
    plain = read_lens(readout, torch.stack([-streams[:, 0], streams[:, 1]], 1), answers)
    torch.testing.assert_close(turned.log_probs, plain.log_probs)


def test_a_foreign_token_id_is_refused() -> None:
    with pytest.raises(StrataError, match="outside the vocabulary of 30"):
        read_lens(random_readout(30), torch.randn(1, 2, 1, 8), {"answer": torch.tensor([30])})


@pytest.mark.parametrize("shape", [(31, 49152), (6200, 49152), (1, 10), (2_000_000, 128_256)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_tile_is_a_small_part_of_rows_times_vocabulary(shape: tuple[int, int], dtype: torch.dtype) -> None:
    rows, vocab = shape
    tiling = Tiling.for_shape(rows, vocab, 1, torch.empty(0, dtype=dtype))
    assert tiling.rows >= 1 and 1 <= tiling.columns <= vocab
    if vocab > 1000:
        assert min(tiling.rows, rows) * tiling.columns <= rows * vocab / 12
