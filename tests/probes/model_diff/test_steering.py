"""Log-probabilities, mean streams and steered runs are plain Hugging Face's; a vector of zeros changes nothing at all."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from strata.probes.backends.torch_hooks import TorchHooks
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.decoding.generate import generate
from strata.probes.errors import StrataError
from strata.probes.model_diff.steering import Steer, Written, mean_streams, random_like, steered, written_log_probs
from strata.probes.prompts.prompt import Prompt

IDS = ((5, 9, 11, 20, 31), (7, 8, 30, 12, 40, 41, 6, 33, 5), (14, 6, 22, 9))
STARTS = (2, 4, 1)


@pytest.fixture(scope="module", params=["llama", "gpt2"])
def checkpoint(request: pytest.FixtureRequest, tiny_models: Any) -> Checkpoint:
    return tiny_models(request.param)


TEXTS = [Written(Prompt(str(row), ids), start) for row, (ids, start) in enumerate(zip(IDS, STARTS, strict=True))]


def plain_log_prob(checkpoint: Checkpoint, text: Written, steer: Steer | None) -> float:
    """One text at a time, by a hook on the library's own block."""

    def added(_module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        assert steer is not None
        h = (args[0] if args else kwargs["hidden_states"]).clone()
        h[:, text.start - 1 : len(text.prompt.ids) - 1] += steer.vector.to(h)
        return ((h, *args[1:]), kwargs) if args else (args, {**kwargs, "hidden_states": h})

    hook = None if steer is None else checkpoint.blocks[steer.stream].register_forward_pre_hook(added, with_kwargs=True)
    with torch.no_grad():
        logits = checkpoint.model(torch.tensor([text.prompt.ids])).logits[0].float()
    if hook is not None:
        hook.remove()
    log_probs = logits.log_softmax(-1)
    return float(
        torch.stack([log_probs[at - 1, text.prompt.ids[at]] for at in range(text.start, len(text.prompt.ids))]).mean()
    )


def test_written_texts_are_as_likely_as_plain_hugging_face_has_them(checkpoint: Checkpoint) -> None:
    vector = torch.randn(checkpoint.d_model, generator=torch.Generator().manual_seed(1))
    steers = [None, Steer(1, vector), Steer(2, -2 * vector)]
    found = written_log_probs(TorchHooks(checkpoint), checkpoint, TEXTS, steers)
    for row, text in enumerate(TEXTS):
        for column, steer in enumerate(steers):
            assert found[row, column] == pytest.approx(plain_log_prob(checkpoint, text, steer), abs=1e-5)
    assert abs(found[:, 1] - found[:, 0]).min() > 1e-4


def test_a_vector_of_zeros_changes_exactly_nothing(checkpoint: Checkpoint) -> None:
    zeros = torch.zeros(checkpoint.d_model)
    n = checkpoint.n_layers
    found = written_log_probs(
        TorchHooks(checkpoint), checkpoint, TEXTS, [None, *(Steer(s, zeros) for s in range(n + 1))]
    )
    assert (found == found[:, :1]).all()
    plain = generate(checkpoint, ["a b c", "d e"], max_new_tokens=6)
    with steered(checkpoint, Steer(1, zeros)):
        assert generate(checkpoint, ["a b c", "d e"], max_new_tokens=6) == plain
    assert generate(checkpoint, ["a b c", "d e"], max_new_tokens=6) == plain


def test_mean_streams_are_means_over_texts_of_written_tokens(checkpoint: Checkpoint) -> None:
    found = mean_streams(TorchHooks(checkpoint), checkpoint, TEXTS)
    streams: list[torch.Tensor] = []
    for text in TEXTS:
        with torch.no_grad():
            states = checkpoint.model(torch.tensor([text.prompt.ids]), output_hidden_states=True).hidden_states
        # The library's last one is normed already.
        streams.append(torch.stack([state[0, text.start :].mean(0) for state in states[:-1]]))
    assert torch.allclose(found[:-1], torch.stack(streams).mean(0).double(), atol=1e-5)


def test_decoding_is_steered_wherever_a_token_is_predicted(checkpoint: Checkpoint) -> None:
    vector = 3 * torch.randn(checkpoint.d_model, generator=torch.Generator().manual_seed(2))
    steer = Steer(1, vector)
    prompts = ["a b c d e f g", "h i"]
    with steered(checkpoint, steer):
        written = generate(checkpoint, prompts, max_new_tokens=4, in_groups=False)
    for prompt, generation in zip(prompts, written, strict=True):
        ids = list(checkpoint.encode(prompt))
        start = len(ids)
        for token in generation.ids:
            assert int(_next_logits(checkpoint, ids, start, steer).argmax()) == token
            ids.append(token)
    with pytest.raises(StrataError), steered(checkpoint, Steer(checkpoint.n_layers + 1, vector)):
        pass


def _next_logits(checkpoint: Checkpoint, ids: list[int], start: int, steer: Steer) -> torch.Tensor:
    """All tokens in one pass, the vector at every place from the prompt's last token on."""

    def added(_module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        h = (args[0] if args else kwargs["hidden_states"]).clone()
        h[:, start - 1 :] += steer.vector.to(h)
        return ((h, *args[1:]), kwargs) if args else (args, {**kwargs, "hidden_states": h})

    hook = checkpoint.blocks[steer.stream].register_forward_pre_hook(added, with_kwargs=True)
    with torch.no_grad():
        logits = checkpoint.model(torch.tensor([ids])).logits[0, -1]
    hook.remove()
    return logits


def test_random_directions_are_as_long_and_their_own() -> None:
    vector = torch.arange(1.0, 33.0)
    drawn = random_like(vector, 5, 0)
    assert all(float(one.norm()) == pytest.approx(float(vector.norm())) for one in drawn)
    cosines = torch.stack([one / one.norm() for one in drawn])
    assert (cosines @ cosines.T - torch.eye(5)).abs().max() < 0.7
    assert torch.equal(drawn[0], random_like(vector, 5, 0)[0])
