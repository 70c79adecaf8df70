"""The Jacobian lens against a closed form and against TransformerLens' own estimator."""

from __future__ import annotations

import copy

import pytest
import torch
from linear_model import VOCAB, WIDTH, linear_checkpoint, rotation
from tiny_models import D_MODEL, N_LAYERS, VOCAB_SIZE, tiny_checkpoint

from strata.probes.errors import StrataError
from strata.probes.lens.jacobian import fit_jacobian
from strata.probes.lens.lenses import LOGIT_LENS, JacobianLens
from strata.probes.lens.logit import read_lens


def test_jacobian_of_matrices_is_their_product() -> None:
    matrices = torch.stack([rotation(1), 2 * rotation(2), rotation(3) + torch.eye(WIDTH)])
    ids = torch.randint(0, VOCAB, (2, 9), generator=torch.Generator().manual_seed(0))
    lens = fit_jacobian(linear_checkpoint(matrices), ids, skip_first=2, rows=5)
    product = torch.eye(WIDTH)
    for stream in (2, 1, 0):
        product = product @ matrices[stream]
        torch.testing.assert_close(lens.matrices[stream], product, atol=1e-5, rtol=1e-5)


def test_jacobian_agrees_with_transformer_lens() -> None:
    from transformer_lens.model_bridge.sources import build_bridge_from_module
    from transformer_lens.tools.analysis import JacobianLens as TheirLens

    checkpoint = tiny_checkpoint("llama")
    ids = torch.randint(0, VOCAB_SIZE, (2, 11), generator=torch.Generator().manual_seed(0))
    ours = fit_jacobian(checkpoint, ids, skip_first=3)
    model = copy.deepcopy(checkpoint.model)
    bridge = build_bridge_from_module(model, "LlamaForCausalLM", hf_config=model.config)
    bridge.eval()
    prompts = {f"prompt {row}": ids[row : row + 1] for row in range(2)}
    bridge.to_tokens = lambda text, **_: prompts[text]  # its own tokenizer would add a BOS
    reference = TheirLens.fit(
        bridge, list(prompts), corpus="random", skip_first_positions=3, max_seq_len=11, show_progress=False
    )
    assert reference.source_layers == list(range(N_LAYERS - 1))
    for layer in reference.source_layers:  # their layer is a block's output, our stream is a block's input
        torch.testing.assert_close(ours.matrices[layer + 1], reference.jacobians[layer], atol=1e-4, rtol=1e-4)


def test_jacobian_predicts_a_small_change() -> None:
    """Stream 0 too, which has no counterpart elsewhere: finite differences of the mean over one source position."""
    checkpoint = tiny_checkpoint("gpt2")
    ids = torch.randint(0, VOCAB_SIZE, (1, 4), generator=torch.Generator().manual_seed(0))
    lens = fit_jacobian(checkpoint, ids, skip_first=2)  # one valid position, the last but one
    direction = torch.randn(D_MODEL, generator=torch.Generator().manual_seed(1))

    def final(step: float) -> torch.Tensor:
        outputs: list[torch.Tensor] = []

        def push(module: object, args: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
            h = args[0].clone()
            h[0, 2] += step * direction
            return (h, *args[1:])

        hooks = [
            checkpoint.blocks[0].register_forward_pre_hook(push),
            checkpoint.blocks[-1].register_forward_hook(
                lambda m, i, o: outputs.append(o[0] if isinstance(o, tuple) else o)
            ),
        ]
        with torch.inference_mode():
            checkpoint.body(input_ids=ids, use_cache=False)
        for hook in hooks:
            hook.remove()
        return outputs[0][0, 2]

    change = (final(1e-2) - final(-1e-2)) / 2e-2
    torch.testing.assert_close(lens.matrices[0] @ direction, change, atol=2e-2, rtol=2e-2)


def test_identity_jacobian_is_the_logit_lens() -> None:
    checkpoint = tiny_checkpoint("gemma2")
    streams = torch.randn(2, N_LAYERS + 1, 1, D_MODEL)
    identity = JacobianLens(torch.eye(D_MODEL).expand(N_LAYERS, -1, -1))
    answers = {"answer": torch.tensor([3, 4])}
    ours, plain = (read_lens(checkpoint.readout, streams, answers, lens=lens) for lens in (identity, LOGIT_LENS))
    torch.testing.assert_close(ours.log_probs, plain.log_probs)


def test_fitting_leaves_no_hooks_and_no_gradients() -> None:
    checkpoint = tiny_checkpoint("llama")
    fit_jacobian(checkpoint, torch.arange(6)[None], skip_first=2)
    for block in checkpoint.blocks:
        assert not block._forward_hooks and not block._forward_pre_hooks
    assert all(parameter.grad is None for parameter in checkpoint.model.parameters())


def test_short_prompts_are_refused() -> None:
    with pytest.raises(StrataError, match="no position"):
        fit_jacobian(tiny_checkpoint("llama"), torch.arange(10)[None], skip_first=9)
