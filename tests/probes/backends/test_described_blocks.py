"""Hybrids and other blocks than attention and MLP: what a step adds is read and replaced as plain Hugging Face computes it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from typing import Any

import pytest
import torch
from tiny_models import tiny_tokenizer
from torch import Tensor

from strata.probes.backends.contract import Site, SiteEdit, SiteName
from strata.probes.backends.torch_hooks import TorchHooks
from strata.probes.checkpoints.block_steps import kinds_of
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.open_spec import checkpoint_from
from strata.probes.errors import StrataError
from strata.probes.prompts.batching import pad
from strata.probes.prompts.prompt import Prompt
from strata.probes.rerun.edit_sweep import sweep
from strata.probes.rerun.recording import record
from strata.probes.rerun.run_edits import Replacement
from strata.probes.verification.architectures.tiny_config import OVERRIDES, tiny_settings

TYPES = ("qwen3_next", "falcon_h1", "nemotron_h", "mamba", "bloom", "gemma4_text", "granitemoehybrid", "bert", "beam")
PROMPTS = [Prompt(str(n), tuple(range(5, 5 + n)), {"last": n - 1}) for n in (9, 4, 6)]
NEAR = {"atol": 2e-5, "rtol": 2e-4}


@cache
def tiny(model_type: str) -> Checkpoint:
    """Its norms and biases are drawn as well, so that one that is forgotten is no rounding error."""
    from transformers import CONFIG_MAPPING, AutoModelForCausalLM

    kind = CONFIG_MAPPING[model_type]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = kind(**{**tiny_settings(kind()), **OVERRIDES.get(model_type, {})})
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.dim() == 1:
                    parameter.add_(0.3 * torch.randn_like(parameter))
    return checkpoint_from(model, tiny_tokenizer())


def plain(checkpoint: Checkpoint, prompt: Prompt, hooks: dict[Any, Callable[..., Any]]) -> Tensor:
    """Logits after the last token of one prompt by itself, the outputs of some modules changed by hand."""
    with ExitStack() as stack, torch.no_grad():
        for module, hook in hooks.items():
            stack.callback(module.register_forward_hook(hook).remove)
        ids = torch.tensor([prompt.ids])
        logits: Tensor = checkpoint.model(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False).logits
    return logits[0, -1]


def stands_still(_module: Any, args: Any, output: Any) -> Any:
    """A block that adds nothing at the last token."""
    h = (output[0] if isinstance(output, tuple) else output).clone()
    h[:, -1] = args[0][:, -1]
    return (h, *output[1:]) if isinstance(output, tuple) else h


def edited(checkpoint: Checkpoint, edits: dict[SiteName, Callable[[Tensor], Tensor]], side: Any, layer: int) -> Tensor:
    """Logits at the last tokens of a batch, each named site there being what a function makes of it."""
    backend, batch = TorchHooks(checkpoint), pad(PROMPTS, checkpoint.pad_id, side)
    where = batch.start[:, None] + torch.tensor([[len(prompt.ids) - 1] for prompt in PROMPTS])
    clean = backend.read(batch, [Site(name, layer) for name in edits], where).values
    changes = [SiteEdit(Site(name, layer), where, change(clean[Site(name, layer)])) for name, change in edits.items()]
    logits = backend.edit(batch, changes, where).logits
    assert logits is not None
    return logits[:, 0]


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("model_type", TYPES)
def test_a_block_whose_steps_add_nothing_hands_its_stream_on(model_type: str, side: Any) -> None:
    checkpoint = tiny(model_type)
    for layer in range(checkpoint.n_layers):
        silenced = edited(checkpoint, {"attn_out": torch.zeros_like, "mlp_out": torch.zeros_like}, side, layer)
        block = checkpoint.blocks[layer]
        wanted = torch.stack([plain(checkpoint, prompt, {block: stands_still}) for prompt in PROMPTS])
        torch.testing.assert_close(silenced, wanted, **NEAR)


def test_the_two_mixers_of_a_falcon_block_are_replaced_together() -> None:
    checkpoint, layer = tiny("falcon_h1"), 1
    block: Any = checkpoint.blocks[layer]

    def doubled(_module: Any, _args: Any, output: Any) -> Any:
        h = (output[0] if isinstance(output, tuple) else output).clone()
        h[:, -1] *= 2
        return (h, *output[1:]) if isinstance(output, tuple) else h

    wanted = [plain(checkpoint, prompt, {block.mamba: doubled, block.self_attn: doubled}) for prompt in PROMPTS]
    torch.testing.assert_close(
        edited(checkpoint, {"attn_out": lambda h: 2 * h}, "left", layer), torch.stack(wanted), **NEAR
    )


@pytest.mark.parametrize("model_type", TYPES)
def test_a_sweep_gives_what_one_edited_pass_gives(model_type: str) -> None:
    checkpoint, layer = tiny(model_type), 2
    run = record(checkpoint, PROMPTS)
    where = torch.full((len(PROMPTS), 1), run.n_columns - 1)
    for component in ("attn_out", "mlp_out", "block_out", "resid_pre"):
        half = run.at(component, layer, where) / 2
        ends = sweep(run, [Replacement(component, range(layer, layer + 1), lambda _layer, half=half: half)], where)
        with torch.no_grad():
            logits = checkpoint.readout.logits(ends[0, :, 0])
        torch.testing.assert_close(logits, edited(checkpoint, {component: lambda h: h / 2}, "right", layer), **NEAR)


def test_a_step_that_a_block_lacks_adds_nothing_and_takes_nothing() -> None:
    checkpoint = tiny("mamba")
    batch, site = pad(PROMPTS, checkpoint.pad_id), Site("mlp_out", 1)
    backend = TorchHooks(checkpoint)
    read = backend.read(batch, [site, Site("block_out", 1), Site("attn_out", 1)]).values
    assert not read[site].any() and torch.equal(read[Site("block_out", 1)], read[Site("attn_out", 1)])
    where = torch.zeros((len(PROMPTS), 1), dtype=torch.long)
    with pytest.raises(StrataError, match="Block 1 has no channel part to replace"):
        backend.edit(batch, [SiteEdit(site, where, torch.ones(len(PROMPTS), 1, checkpoint.d_model))])
    run = record(checkpoint, PROMPTS)
    ones = torch.ones(len(PROMPTS), 1, checkpoint.d_model)
    with pytest.raises(StrataError, match="Block 1 has no channel part to replace"):
        sweep(run, [Replacement("mlp_out", range(1, 2), lambda _layer: ones)], where + run.n_columns - 1)


def test_columns_of_rows_padded_on_the_left_stay_where_they_are() -> None:
    """A state would go over pads, so rows are rolled behind the scenes; nothing of that is seen outside."""
    checkpoint, sites = tiny("mamba"), [Site("resid_post", 3)]
    left = TorchHooks(checkpoint).read(pad(PROMPTS, checkpoint.pad_id, "left"), sites, logits=True)
    assert left.logits is not None
    for row, prompt in enumerate(PROMPTS):
        alone = TorchHooks(checkpoint).read(pad([prompt], checkpoint.pad_id), sites, logits=True)
        n = len(prompt.ids)
        torch.testing.assert_close(left.values[sites[0]][row, -n:], alone.values[sites[0]][0], **NEAR)
        torch.testing.assert_close(left.logits[row, -n:], alone.logits[0], **NEAR)


def test_a_model_says_what_its_blocks_are() -> None:
    assert kinds_of(tiny("qwen3_next").anatomy.blocks) == (
        ("linear attention", "attention"), ("MLP", "mixture of experts"),
    )  # fmt: skip
    assert kinds_of(tiny("falcon_h1").anatomy.blocks) == (("attention", "state space"), ("MLP",))
    assert kinds_of(tiny("mamba").anatomy.blocks) == (("state space",), ())
    (mixed,) = [caveat for caveat in tiny("qwen3_next").caveats if caveat.code == "other-mixers"]
    assert mixed.mixers == (("linear attention", (0, 2)), ("attention", (1, 3)))
    assert not tiny("bloom").caveats
