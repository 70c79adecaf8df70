"""Reading changes nothing, editing changes just what it says: against plain Hugging Face and models cut by hand."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from test_described_blocks import tiny
from tiny_models import ARCHITECTURES, tiny_checkpoint, tiny_tokenizer
from torch import Tensor, nn

from strata.probes.backends import BACKENDS, EDITABLE, Site, SiteEdit, open_backend, streams_of
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.open_spec import checkpoint_from
from strata.probes.errors import StrataError
from strata.probes.prompts.batching import locate_positions, pad
from strata.probes.prompts.prompt import Prompt

PROMPTS = [Prompt(str(n), tuple(range(5, 5 + n)), {"last": n - 1, "middle": n // 2}) for n in (9, 4, 6)]


def plain_logits(model: Any, prompt: Prompt) -> Tensor:
    with torch.no_grad():
        return model(input_ids=torch.tensor([prompt.ids])).logits[0]


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("name", BACKENDS)
def test_named_positions_are_read_where_the_unpadded_prompt_has_them(tiny_models: Any, name: str, side: Any) -> None:
    checkpoint = tiny_models("gpt2")
    batch = pad(PROMPTS, checkpoint.pad_id, side)
    where, _ = locate_positions(PROMPTS, ["last", "middle"], batch)
    sites = streams_of(checkpoint.n_layers)
    read = open_backend(name, checkpoint).read(batch, sites, where, logits=True)
    assert read.logits is not None
    for row, prompt in enumerate(PROMPTS):
        with torch.no_grad():
            output = checkpoint.model(input_ids=torch.tensor([prompt.ids]), output_hidden_states=True)
        for column, position in enumerate((prompt.positions["last"], prompt.positions["middle"])):
            expected = torch.stack([h[0, position] for h in output.hidden_states[:-1]])
            torch.testing.assert_close(read.stack(sites)[row, :-1, column], expected, atol=1e-5, rtol=1e-5)
            torch.testing.assert_close(read.logits[row, column], output.logits[0, position], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", BACKENDS)
def test_a_read_stops_at_the_last_block_asked_for(tiny_models: Any, name: str) -> None:
    checkpoint = tiny_checkpoint("llama")
    backend = open_backend(name, checkpoint)
    batch = pad(PROMPTS, checkpoint.pad_id)
    early = backend.read(batch, [Site("resid_mid", 0)]).values[Site("resid_mid", 0)]
    whole = backend.read(batch, [Site("resid_mid", 0), Site("resid_post", 2)]).values[Site("resid_mid", 0)]
    assert torch.equal(early, whole)


def test_torch_hooks_run_no_block_beyond_the_last_one_asked_for() -> None:
    checkpoint = tiny_checkpoint("llama")
    ran = []
    for layer, block in enumerate(checkpoint.blocks):
        block.register_forward_pre_hook(lambda module, inputs, layer=layer: ran.append(layer))
    open_backend("torch", checkpoint).read(pad(PROMPTS, 0), [Site("resid_post", 1)])
    assert ran == [0, 1]


@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize("architecture", ["llama", "gemma2", "gpt_neox", "gpt2"])
def test_zeroing_both_contributions_equals_cutting_the_block_out_by_hand(
    tiny_models: Any, name: str, architecture: str
) -> None:
    checkpoint = tiny_models(architecture)
    cut = copy.deepcopy(checkpoint.model)
    cut.get_submodule(checkpoint.anatomy.blocks_path)[1] = _Nothing(
        cut.get_submodule(checkpoint.anatomy.blocks_path)[1]
    )
    batch = pad(PROMPTS, checkpoint.pad_id)
    everywhere = torch.arange(batch.ids.shape[1]).expand(batch.ids.shape)
    nothing = torch.zeros(*batch.ids.shape, checkpoint.d_model)
    backend = open_backend(name, checkpoint)
    zeroed = backend.edit(batch, [SiteEdit(Site(s, 1), everywhere, nothing) for s in ("attn_out", "mlp_out")]).logits
    skipped = backend.edit(batch, [SiteEdit(Site("block_out", 1), everywhere, nothing)]).logits
    assert zeroed is not None
    assert skipped is not None
    for row, prompt in enumerate(PROMPTS):
        expected = plain_logits(cut, prompt)
        torch.testing.assert_close(zeroed[row, : len(prompt.ids)], expected, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(skipped[row, : len(prompt.ids)], expected, atol=1e-5, rtol=1e-5)


class _Nothing(nn.Module):
    """A block that adds nothing to the stream."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.attention_type = getattr(block, "attention_type", "full_attention")

    def forward(self, hidden_states: Tensor, *args: object, **kwargs: object) -> Tensor:
        return hidden_states


@pytest.mark.parametrize("name", BACKENDS)
def test_an_edit_reaches_only_tokens_at_or_after_it(tiny_models: Any, name: str) -> None:
    checkpoint = tiny_models("qwen2")
    backend, batch = open_backend(name, checkpoint), pad(PROMPTS, checkpoint.pad_id)
    before = backend.read(batch, [], logits=True).logits
    values = torch.full((3, 1, checkpoint.d_model), 3.0)
    after = backend.edit(batch, [SiteEdit(Site("attn_out", 1), torch.full((3, 1), 2), values)]).logits
    assert before is not None
    assert after is not None
    moved = (after - before).abs().amax(-1) > 1e-4
    assert not moved[:, :2].any()
    assert moved[:, 2].all()
    assert moved[0, 3:].all()


@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize("site", EDITABLE)
def test_a_read_beside_an_edit_sees_the_edited_run(tiny_models: Any, name: str, site: Any) -> None:
    checkpoint = tiny_models("llama")
    backend, batch = open_backend(name, checkpoint), pad(PROMPTS, checkpoint.pad_id)
    where, values = torch.tensor([[3], [3], [3]]), torch.randn(3, 1, checkpoint.d_model)
    wanted = [Site("resid_pre", 1), Site("attn_out", 1), Site("mlp_out", 1), Site("resid_post", 1)]
    edited = backend.edit(batch, [SiteEdit(Site(site, 1), where, values)], where, sites=wanted, logits=False)
    pre, attention, mlp, post = (edited.values[s] for s in wanted)
    if site == "block_out":
        torch.testing.assert_close(post, pre + values)
    else:
        torch.testing.assert_close(edited.values[Site(site, 1)], values)
    if site not in ("block_out", "resid_post"):
        torch.testing.assert_close(post, pre + attention + mlp, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", BACKENDS)
def test_block_out_adds_to_an_input_that_is_edited_too_whatever_the_order(tiny_models: Any, name: str) -> None:
    checkpoint = tiny_models("llama")
    backend, batch = open_backend(name, checkpoint), pad(PROMPTS, checkpoint.pad_id)
    where = torch.tensor([[3], [3], [3]])
    entering, written = torch.randn(2, 3, 1, checkpoint.d_model)
    edits = [SiteEdit(Site("block_out", 1), where, written), SiteEdit(Site("resid_pre", 1), where, entering)]
    for order in (edits, edits[::-1]):
        post = backend.edit(batch, order, where, sites=[Site("resid_post", 1)], logits=False)
        torch.testing.assert_close(post.values[Site("resid_post", 1)], entering + written)


@pytest.mark.parametrize("name", BACKENDS)
def test_neither_verb_leaves_a_trace_on_the_model(name: str) -> None:
    checkpoint = tiny_checkpoint("gemma3")
    names = list(checkpoint.model.state_dict())
    before = {key: value.clone() for key, value in checkpoint.model.state_dict().items()}
    expected = plain_logits(checkpoint.model, PROMPTS[0])
    backend, batch = open_backend(name, checkpoint), pad(PROMPTS, checkpoint.pad_id)
    backend.read(batch, streams_of(3), logits=True)
    backend.edit(batch, [SiteEdit(Site("mlp_out", 1), torch.zeros(3, 1, dtype=torch.long), torch.ones(3, 1, 32))])
    assert list(checkpoint.model.state_dict()) == names
    assert all(torch.equal(checkpoint.model.state_dict()[key], value) for key, value in before.items())
    assert torch.equal(plain_logits(checkpoint.model, PROMPTS[0]), expected)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in checkpoint.model.modules())


def test_hooks_are_gone_after_a_forward_pass_that_failed() -> None:
    checkpoint = tiny_checkpoint("llama")
    too_high = [Prompt("p", (3, 10_000))]
    with pytest.raises(IndexError):
        open_backend("torch", checkpoint).read(pad(too_high, 0), streams_of(3), logits=True)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in checkpoint.model.modules())


@pytest.mark.parametrize("name", BACKENDS)
def test_what_is_read_can_enter_a_training_loop(tiny_models: Any, name: str) -> None:
    checkpoint = tiny_models("llama")
    read = open_backend(name, checkpoint).read(pad(PROMPTS, 0), [Site("resid_post", 2)]).values[Site("resid_post", 2)]
    assert not read.requires_grad
    weight = torch.ones(checkpoint.d_model, requires_grad=True)
    (read * weight).sum().backward()
    torch.testing.assert_close(weight.grad, read.sum((0, 1)))


@pytest.mark.parametrize("name", ["transformer_lens", "nnsight"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_other_libraries_work_on_the_very_same_weights(architecture: str, name: str) -> None:
    checkpoint = tiny_checkpoint(architecture)
    backend: Any = open_backend(name, checkpoint)
    inside = backend.bridge if name == "transformer_lens" else backend._model._module
    shared = {p.data_ptr() for p in inside.parameters()} & {p.data_ptr() for p in checkpoint.model.parameters()}
    assert len(shared) == len({p.data_ptr() for p in checkpoint.model.parameters()})


@pytest.mark.parametrize("name", BACKENDS)
def test_a_parallel_model_has_no_mid_stream(tiny_models: Any, name: str) -> None:
    checkpoint = tiny_models("gpt_neox")
    with pytest.raises(StrataError, match="side by side"):
        open_backend(name, checkpoint).read(pad(PROMPTS, 0), [Site("resid_mid", 0)])


def test_a_sequential_gpt_neox_has_one() -> None:
    checkpoint = tiny_checkpoint("gpt_neox", use_parallel_residual=False)
    read = open_backend("torch", checkpoint).read(
        pad(PROMPTS, 0), [Site("resid_mid", 1), Site("mlp_out", 1), Site("resid_post", 1)]
    )
    mid, mlp, post = read.values.values()
    torch.testing.assert_close(mid + mlp, post, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("sites", "edits", "where", "reason"),
    [
        ([Site("hook_z", 0)], [], None, "no site 'hook_z'"),
        ([Site("resid_pre", 3)], [], None, "Block 3 does not exist"),
        ([Site("resid_pre", -1)], [], None, "Block -1 does not exist"),
        ([], [SiteEdit(Site("resid_mid", 0), torch.zeros(3, 1, dtype=torch.long), torch.zeros(3, 1, 32))], None, "resid_mid"),
        ([], [SiteEdit(Site("mlp_out", 0), torch.zeros(3, 1, dtype=torch.long), torch.zeros(3, 1, 8))], None, "does not fit"),
        ([], [SiteEdit(Site("mlp_out", 0), torch.zeros(2, 1, dtype=torch.long), torch.zeros(2, 1, 32))], None, "does not fit"),
        ([], [SiteEdit(Site("mlp_out", 0), torch.full((3, 1), 9), torch.zeros(3, 1, 32))], None, "outside the 9 columns"),
        (
            [],
            [SiteEdit(Site("mlp_out", 0), torch.zeros(1, 1, dtype=torch.long), torch.zeros(1, 1, 32), torch.tensor([3]))],
            None,
            "and 3 rows of the batch",
        ),
        ([Site("resid_pre", 0)], [], torch.full((3, 1), -1), "outside the batch"),
        ([Site("resid_pre", 0)], [], torch.zeros(2, 1, dtype=torch.long), "outside the batch"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", BACKENDS)
def test_what_cannot_be_asked_is_refused_with_its_reason(
    tiny_models: Any, name: str, sites: Any, edits: Any, where: Any, reason: str
) -> None:
    with pytest.raises(StrataError, match=reason):
        open_backend(name, tiny_models("llama")).edit(pad(PROMPTS, 0), edits, where, sites=sites)


@pytest.mark.parametrize(("name", "architecture"), [*((name, "llama") for name in BACKENDS), ("torch", "mamba")])
def test_edits_of_some_rows_leave_the_others_as_they_are(name: str, architecture: str) -> None:
    """Two edited runs and the unedited one side by side in a left-padded batch, against each by itself."""
    checkpoint = tiny(architecture) if architecture == "mamba" else tiny_checkpoint(architecture)
    backend = open_backend(name, checkpoint)
    batch, d_model = pad(PROMPTS, checkpoint.pad_id, "left"), checkpoint.d_model
    sites = ("resid_pre", "resid_post", "block_out")
    last, columns = Site("resid_post", checkpoint.n_layers - 1), torch.full((3, 1), 8)
    rows = torch.tensor([2, 0])
    for site in (Site(which, 1) for which in sites):
        values = torch.randn(3, 1, d_model, generator=torch.Generator().manual_seed(0))
        alone = backend.edit(batch, [SiteEdit(site, columns, values)], columns, sites=[last], logits=False).values[last]
        untouched = backend.read(batch, [last], columns).values[last]
        some = SiteEdit(site, columns[rows], values[rows], rows)
        found = backend.edit(batch, [some], columns, sites=[last], logits=False).values[last]
        torch.testing.assert_close(found[rows], alone[rows], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(found[1], untouched[1], atol=1e-5, rtol=1e-5)


def test_an_unknown_backend_is_refused_and_only_nnsight_is_remote(tiny_models: Any) -> None:
    with pytest.raises(StrataError, match="no backend 'jax'"):
        open_backend("jax", tiny_models("llama"))
    with pytest.raises(StrataError, match="runs here only"):
        open_backend("torch", tiny_models("llama"), remote=True)


def test_contributions_that_a_block_rescales_are_read_and_edited_as_added() -> None:
    """Granite multiplies what attention and MLP return before adding it."""
    checkpoint = _granite()
    sites = [Site(name, 1) for name in ("resid_pre", "attn_out", "mlp_out", "resid_post")]
    batch, where = pad(PROMPTS, 0), torch.tensor([[3], [3], [3]])
    written = torch.randn(3, 1, checkpoint.d_model)
    for name in BACKENDS:
        backend = open_backend(name, checkpoint)
        pre, attention, mlp, post = (backend.read(batch, sites).values[site] for site in sites)
        torch.testing.assert_close(pre + attention + mlp, post, atol=1e-5, rtol=1e-5)
        edited = backend.edit(batch, [SiteEdit(sites[2], where, written)], where, sites=sites, logits=False)
        pre, attention, mlp, post = (edited.values[site] for site in sites)
        torch.testing.assert_close(mlp, written)
        torch.testing.assert_close(pre + attention + written, post, atol=1e-5, rtol=1e-5)


def _granite() -> Checkpoint:
    from transformers import GraniteConfig, GraniteForCausalLM

    torch.manual_seed(0)
    config = GraniteConfig(
        vocab_size=80, hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4,
        residual_multiplier=0.3, initializer_range=0.2, embedding_multiplier=2.0, logits_scaling=4.0,
    )  # fmt: skip
    return checkpoint_from(GraniteForCausalLM(config), tiny_tokenizer())
