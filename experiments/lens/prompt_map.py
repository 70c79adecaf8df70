"""One prompt, every stream × every token: what would the model say if it stopped there?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor

from strata.probes.backends.contract import Backend, streams_of
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.errors import SelfTestError
from strata.probes.lens.lenses import LOGIT_LENS, Lens
from strata.probes.lens.logit import NO_TOKEN, read_lens
from strata.probes.prompts.batching import pad
from strata.probes.prompts.prompt import Prompt
from strata.probes.verification.model_self_tests import logits_are_finite

TOP = 5


@dataclass(frozen=True)
class PromptMap:
    prompt: Prompt
    """The prompt read."""
    top_ids: Int[Tensor, "stream token top"]
    """Most probable tokens, best first."""
    top_logprobs: Float[Tensor, "stream token top"]
    """In nats."""
    entropy: Float[Tensor, "stream token"]
    """In nats."""
    kl_to_final: Float[Tensor, "stream token"]
    """KL(last stream ‖ this stream) in nats."""
    answer_logprob: Float[Tensor, "stream token"] | None
    """Of the scored answer token after every token; None without an answer."""
    answer_rank: Int[Tensor, "stream token"] | None
    """0-based in the full vocabulary."""

    def tensors(self) -> dict[str, Tensor]:
        """By name, as a run directory stores them."""
        tensors = {
            "top_ids": self.top_ids.to(torch.int32),
            "top_logprobs": self.top_logprobs,
            "entropy": self.entropy,
            "kl_to_final": self.kl_to_final,
            "answer_logprob": self.answer_logprob,
            "answer_rank": None if self.answer_rank is None else self.answer_rank.to(torch.int32),
        }
        return {name: tensor.contiguous() for name, tensor in tensors.items() if tensor is not None}

    def words(self, checkpoint: Checkpoint) -> Mapping[int, str]:
        """Text of every token id that occurs among the most probable ones."""
        return {int(token): checkpoint.token_text(int(token)) for token in torch.unique(self.top_ids)}


def prompt_map(
    checkpoint: Checkpoint, backend: Backend, prompt: Prompt, *, answer_id: int | None = None, lens: Lens = LOGIT_LENS
) -> PromptMap:
    """Reads all streams at all tokens of one prompt through `lens`.

    Raises SelfTestError when what comes out are no numbers.
    """
    sites = streams_of(backend.n_layers)
    streams = backend.read(pad([prompt], checkpoint.pad_id), sites).stack(sites)
    asked = torch.full((1,), NO_TOKEN if answer_id is None else answer_id)
    reading = read_lens(checkpoint.readout, streams, {"answer": asked}, lens=lens, top_k=TOP, kl_to_final=True)

    most_probable = reading.top_log_probs[..., 0].flatten()
    finite = logits_are_finite(most_probable)
    if not finite.passed:
        raise SelfTestError(
            f"Self-test '{finite.name}' failed: {finite.value:.0f} readings through the {lens.name} lens "
            f"(of {most_probable.numel()}) are no numbers",
            "Try --dtype float32; if that changes nothing, the checkpoint's weights are damaged",
        )

    def without_batch(tensor: Tensor) -> Tensor:
        return rearrange(tensor, "1 stream token ... -> stream token ...")

    assert reading.kl_to_final is not None
    return PromptMap(
        prompt=prompt,
        top_ids=without_batch(reading.top_ids),
        top_logprobs=without_batch(reading.top_log_probs),
        entropy=without_batch(reading.entropy),
        kl_to_final=without_batch(reading.kl_to_final),
        answer_logprob=None if answer_id is None else without_batch(reading.log_prob("answer")),
        answer_rank=None if answer_id is None else without_batch(reading.rank("answer")),
    )
