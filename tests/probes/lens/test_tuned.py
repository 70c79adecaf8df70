"""The tuned lens undoes a planted rotation, which neither the logit lens nor a constant can."""

from __future__ import annotations

import pytest
import torch
from linear_model import VOCAB, WIDTH, linear_checkpoint, rotation
from tiny_models import VOCAB_SIZE, tiny_checkpoint

from strata.probes.errors import StrataError
from strata.probes.lens.divergence import divergence_from_model
from strata.probes.lens.fitting_streams import rows_of, streams_over
from strata.probes.lens.logit import difference_from_the_model, read_lens
from strata.probes.lens.ridge import ridge_start
from strata.probes.lens.tuned import TunedFit, Tuning, fit_tuned

SMALL = Tuning(steps=20, batch=256, judged=200)


def random_text(vocab: int = VOCAB, sequences: int = 64) -> torch.Tensor:
    return torch.randint(0, vocab, (sequences, 17), generator=torch.Generator().manual_seed(5))


@pytest.fixture(scope="module")
def rotated() -> TunedFit:
    """Streams 0 and 1 lie in other bases than the last; stream 2 lies in its own."""
    return fit_tuned(linear_checkpoint(torch.stack([rotation(1), rotation(2), torch.eye(WIDTH)])), random_text(), SMALL)


def test_tuned_lens_finds_the_planted_rotation(rotated: TunedFit) -> None:
    assert (rotated.held_out["logit"][:2] > 1.0).all()
    assert (rotated.held_out["tuned"] < 0.01).all()
    matrix = rotated.tuned.matrices[0]
    cosine = torch.nn.functional.cosine_similarity(matrix.flatten(), (rotation(2) @ rotation(1)).flatten(), dim=0)
    assert cosine > 0.999


def test_a_constant_cannot_undo_a_rotation(rotated: TunedFit) -> None:
    assert (rotated.held_out["bias"] > 100 * rotated.held_out["tuned"]).all()
    read = rotated.bias.translate(1, torch.randn(3, WIDTH))
    assert torch.equal(read[0], read[2])


def test_a_stream_that_already_is_the_last_keeps_the_identity(rotated: TunedFit) -> None:
    torch.testing.assert_close(rotated.tuned.matrices[2], torch.eye(WIDTH), atol=0.02, rtol=0)
    assert rotated.held_out["logit"][2] < 1e-6


def test_translators_are_never_worse_than_the_logit_lens_on_a_random_model() -> None:
    checkpoint = tiny_checkpoint("gemma2")
    fit = fit_tuned(checkpoint, random_text(VOCAB_SIZE), SMALL)
    assert (fit.held_out["tuned"] < fit.held_out["logit"]).all()
    assert (fit.held_out["tuned"] < fit.held_out["bias"]).all()
    ids = random_text(VOCAB_SIZE)[:4]
    logits = checkpoint.model(ids).logits.detach()[:, 1:].flatten(0, 1)
    last = rows_of(streams_over(checkpoint, ids, []).last)
    for lens in (fit.tuned, fit.bias):
        assert difference_from_the_model(checkpoint.readout, last, logits, lens, stream=3) < 1e-5


def test_reported_loss_is_the_mean_divergence_of_whole_distributions() -> None:
    checkpoint = tiny_checkpoint("gpt2")
    text = streams_over(checkpoint, random_text(VOCAB_SIZE)[:6], [1])
    h, last = rows_of(text.streams[1]), rows_of(text.last)
    p = checkpoint.readout.logits(last).double().log_softmax(-1)
    q = checkpoint.readout.logits(h).double().log_softmax(-1)
    (divergence,) = divergence_from_model(checkpoint.readout, [h], last)
    assert divergence == pytest.approx(float((p.exp() * (p - q)).sum(-1).mean()), rel=1e-4)


def test_ridge_start_solves_its_stated_problem() -> None:
    """Against a generic optimiser on the objective in the docstring."""
    generator = torch.Generator().manual_seed(0)
    h = torch.randn(60, 4, generator=generator, dtype=torch.float64) * torch.tensor([1.0, 2.0, 0.5, 3.0])
    last = torch.randn(60, 4, generator=generator, dtype=torch.float64) + h
    weight = 1 / last.pow(2).mean(-1)
    centred = h - (weight / weight.sum()) @ h
    variance = (weight[:, None] * centred.pow(2)).sum(0)
    matrix = torch.zeros(4, 4, dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([matrix, bias], max_iter=500, tolerance_grad=1e-12, line_search_fn="strong_wolfe")

    def objective() -> torch.Tensor:
        optimiser.zero_grad()
        fit = (weight[:, None] * (h @ matrix.T + bias - last).pow(2)).sum()
        loss = fit + 0.1 * 4 / 60 * (variance * (matrix - torch.eye(4)).pow(2)).sum()
        loss.backward()
        return loss

    optimiser.step(objective)
    start = ridge_start(h.float(), last.float())
    torch.testing.assert_close(start.matrix.double(), matrix.detach(), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(start.bias.double(), bias.detach(), atol=1e-4, rtol=1e-4)


def test_the_same_seed_gives_the_same_lens() -> None:
    checkpoint = linear_checkpoint(torch.stack([rotation(1), rotation(2)]))
    first, second = (fit_tuned(checkpoint, random_text(), SMALL) for _ in range(2))
    assert torch.equal(first.tuned.matrices, second.tuned.matrices) and torch.equal(first.bias.bias, second.bias.bias)
    other = fit_tuned(checkpoint, random_text(), Tuning(steps=20, batch=256, judged=200, seed=1))
    assert not torch.equal(first.tuned.matrices, other.tuned.matrices)


def test_reading_through_a_tuned_lens_translates_each_stream(rotated: TunedFit) -> None:
    checkpoint = linear_checkpoint(torch.stack([rotation(1), rotation(2), torch.eye(WIDTH)]))
    streams = torch.randn(3, 4, 1, WIDTH)
    reading = read_lens(checkpoint.readout, streams, {"answer": torch.tensor([1, 2, 3])}, lens=rotated.tuned)
    moved = streams[:, 1, 0] @ rotated.tuned.matrices[1].T + rotated.tuned.biases[1]
    expected = checkpoint.readout.logits(moved).log_softmax(-1)[torch.arange(3), torch.tensor([1, 2, 3])]
    torch.testing.assert_close(reading.log_prob("answer")[:, 1, 0], expected)


def test_too_little_text_is_refused() -> None:
    with pytest.raises(StrataError, match="too few to train"):
        fit_tuned(linear_checkpoint(torch.eye(WIDTH)[None]), random_text(sequences=3), SMALL)
