"""A layer swap is, bit for bit, the plain Hugging Face model whose modules were really exchanged."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from plain_interventions import mixed_pairs, pair_of
from tiny_models import N_LAYERS, tiny_checkpoint, tiny_model, tiny_tokenizer
from torch import Tensor
from transformers import GPTNeoConfig, GPTNeoForCausalLM

from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.open_spec import checkpoint_from, open_checkpoint
from strata.probes.errors import StrataError
from strata.probes.interventions.minimal_pairs import Pair
from strata.probes.model_diff.layer_swaps import LayerSwap, layer_swaps_of, swap_layers
from strata.probes.model_diff.random_delta import RandomDelta
from strata.probes.model_diff.shared_rows import shares_rows, shortest_window
from strata.probes.prompts.prompt import Prompt

_EMBEDDINGS = {"gpt2": ("transformer.wte", "transformer.wpe")}
_BLOCKS = {"gpt2": "transformer.h", "gpt_neox": "gpt_neox.layers"}
_NORMS = {"gpt2": "transformer.ln_f", "gpt_neox": "gpt_neox.final_layer_norm"}
_HEADS = {"gpt_neox": "embed_out"}
CHECKED = ("llama", "qwen2", "mistral", "gemma2", "gemma3", "gpt2", "gpt_neox")


def even_pairs() -> list[Pair]:
    """One length, so that a batch has no pads."""
    return [pair_of(str(seed), 9, 3, subject=4, seed=seed) for seed in range(4)]


def exchanged(architecture: str, base: Any, donor: Any, swap: LayerSwap) -> Any:
    """A copy of `base` in which the units of `donor` were put where they belong."""
    model = copy.deepcopy(base)
    if "embedding" in swap.ends:
        head = copy.deepcopy(model.get_output_embeddings())
        for name in _EMBEDDINGS.get(architecture, (_embedding_of(architecture),)):
            _put(model, name, copy.deepcopy(donor.get_submodule(name)))
        model.set_output_embeddings(head)
    for layer in swap.blocks:
        model.get_submodule(_BLOCKS.get(architecture, "model.layers"))[layer] = copy.deepcopy(
            donor.get_submodule(_BLOCKS.get(architecture, "model.layers"))[layer]
        )
    if "final_norm" in swap.ends:
        name = _NORMS.get(architecture, "model.norm")
        _put(model, name, copy.deepcopy(donor.get_submodule(name)))
    if "unembedding" in swap.ends:
        model.set_output_embeddings(copy.deepcopy(donor.get_output_embeddings()))
    return model


def _embedding_of(architecture: str) -> str:
    return "gpt_neox.embed_in" if architecture == "gpt_neox" else "model.embed_tokens"


def _put(model: Any, name: str, module: Any) -> None:
    parent, _, last = name.rpartition(".")
    setattr(model.get_submodule(parent), last, module)


@torch.no_grad()
def plain_scores(model: Any, pairs: Sequence[Pair]) -> tuple[Tensor, Tensor, Tensor]:
    answers, foils = (torch.tensor([getattr(pair, name) for pair in pairs]) for name in ("answer_id", "foil_id"))
    rows = torch.arange(len(pairs))
    clean, foil = (
        model(input_ids=torch.tensor([list(prompt.ids) for prompt in prompts]), use_cache=False).logits[:, -1]
        for prompts in ([pair.clean for pair in pairs], [pair.foil for pair in pairs])
    )
    differences = (logits[rows, answers] - logits[rows, foils] for logits in (clean, foil))
    return *differences, clean.argmax(-1) == answers


def collected(
    base: Checkpoint,
    donor: Checkpoint | RandomDelta,
    pairs: Sequence[Pair],
    layer_swaps: Sequence[LayerSwap],
    **options: Any,
) -> tuple[Tensor, Tensor, Tensor]:
    """Of clean and counterfactual prompts, and whether the answer is the likeliest token."""
    found = []
    for asked in (pairs, [pair.swapped() for pair in pairs]):
        clean = torch.full((len(pairs), len(layer_swaps)), torch.nan)
        top = torch.zeros(len(pairs), len(layer_swaps), dtype=torch.bool)
        for batch in swap_layers(base, donor, asked, layer_swaps, **({"share": False} | options)):
            rows = torch.tensor(batch.rows)
            clean[rows], top[rows] = batch.clean, batch.top
        found.append((clean, top))
    (clean, top), (foil, _) = found
    return clean, -foil, top


@pytest.mark.parametrize("architecture", CHECKED)
@pytest.mark.parametrize("from_runs", [True, False])
def test_every_layer_swap_is_the_model_whose_modules_were_exchanged(architecture: str, from_runs: bool) -> None:
    base, donor = (tiny_checkpoint(architecture, seed=seed) for seed in (0, 1))
    layer_swaps, pairs = layer_swaps_of(N_LAYERS), even_pairs()
    clean, foil, top = collected(base, donor, pairs, layer_swaps, from_runs=from_runs)
    for column, swap in enumerate(layer_swaps):
        expected = plain_scores(exchanged(architecture, base.model, donor.model, swap), pairs)
        for scores, wanted in zip((clean, foil, top), expected, strict=True):
            assert torch.equal(scores[:, column], wanted), swap
    assert len({tuple(column.tolist()) for column in clean.T}) >= 3 * N_LAYERS


@pytest.mark.parametrize("architecture", CHECKED)
def test_everything_is_the_donor_and_nothing_the_base_bit_for_bit(architecture: str) -> None:
    base, donor = (tiny_checkpoint(architecture, seed=seed) for seed in (0, 1))
    layer_swaps, pairs = layer_swaps_of(N_LAYERS, ("nothing", "everything")), even_pairs()
    measured = collected(base, donor, pairs, layer_swaps, from_runs=False)
    for column, model in enumerate((base, donor)):
        for scores, wanted in zip(measured, plain_scores(model.model, pairs), strict=True):
            assert torch.equal(scores[:, column], wanted)


def test_pairs_of_unequal_length_give_what_each_gives_alone(tiny_models: Any) -> None:
    base, donor, pairs = tiny_models("gemma2"), tiny_checkpoint("gemma2", seed=1), mixed_pairs()
    layer_swaps = layer_swaps_of(N_LAYERS)
    together = collected(base, donor, pairs, layer_swaps)
    alone = [collected(base, donor, [pair], layer_swaps) for pair in pairs]
    for scores, parts in zip(together[:2], list(zip(*alone, strict=True))[:2], strict=True):
        torch.testing.assert_close(scores, torch.cat(parts), rtol=1e-4, atol=1e-5)
    small = collected(base, donor, pairs, layer_swaps, batch_tokens=20)
    torch.testing.assert_close(small[0], together[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("architecture", CHECKED)
def test_prompts_in_one_row_give_what_each_gives_in_its_own(architecture: str) -> None:
    base, donor = (tiny_checkpoint(architecture, seed=seed) for seed in (0, 1))
    layer_swaps, pairs = layer_swaps_of(N_LAYERS), [*mixed_pairs(), *mixed_pairs()[:2]]
    apart = collected(base, donor, pairs, layer_swaps, from_runs=False)
    for options in ({}, {"batch_tokens": 20}):
        for scores, expected in zip(
            collected(base, donor, pairs, layer_swaps, share=True, **options)[:2], apart[:2], strict=True
        ):
            torch.testing.assert_close(scores, expected, rtol=1e-4, atol=1e-5)


def prompts_of(length: int, n: int = 6) -> list[Prompt]:
    """Of one length, with nothing in common."""
    drawn = [torch.randint(4, 60, (length,), generator=torch.Generator().manual_seed(seed)) for seed in range(n)]
    return [Prompt(str(seed), tuple(ids.tolist())) for seed, ids in enumerate(drawn)]


def test_rows_are_shared_where_they_can_be() -> None:
    for architecture in ("llama", "qwen2", "gpt2", "gpt_neox"):
        assert shares_rows(tiny_checkpoint(architecture), prompts_of(10)), architecture
    windowed = tiny_checkpoint("gemma2", sliding_window=8)
    assert shares_rows(windowed, prompts_of(8)) and not shares_rows(windowed, prompts_of(9))
    unused = tiny_checkpoint("qwen2", sliding_window=4, use_sliding_window=False)
    assert shares_rows(unused, prompts_of(10))
    assert not shares_rows(windowed, [])


def neo(seed: int) -> Checkpoint:
    """Looks back over 20 columns, whatever stands in them."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = GPTNeoForCausalLM(
            GPTNeoConfig(
                vocab_size=80, hidden_size=32, num_layers=2, num_heads=4, max_position_embeddings=64, window_size=20,
                bos_token_id=1, eos_token_id=2, attention_types=[[["global", "local"], 1]], initializer_range=0.3,
            )
        )  # fmt: skip
    return checkpoint_from(model.eval(), tiny_tokenizer())


def test_a_window_of_columns_shares_no_row_that_is_longer_than_it() -> None:
    base, donor = neo(0), neo(1)
    beginning = (50, 51, 52, 53)
    prompts = [Prompt(prompt.key, beginning + prompt.ids) for prompt in prompts_of(6)]
    assert shares_rows(base, prompts[:1]) and not shares_rows(base, prompts)
    pairs = [
        Pair(clean.key, clean, foil, 4, 5, "sums") for clean, foil in zip(prompts[::2], prompts[1::2], strict=True)
    ]
    layer_swaps = layer_swaps_of(2)
    apart, shared = (collected(base, donor, pairs, layer_swaps, share=share)[0] for share in (False, True))
    torch.testing.assert_close(shared, apart, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("length", [12, [64, 12], [[None, 64], [12, 0]]])
@pytest.mark.parametrize("key", ["attention_window", "local_window_len", "attn_chunk_length"])
def test_windows_count_under_whatever_key_they_are_named(key: str, length: Any) -> None:
    checkpoint = tiny_checkpoint("llama")
    setattr(checkpoint.model.config, key, length)
    assert shares_rows(checkpoint, prompts_of(12)) and not shares_rows(checkpoint, prompts_of(13))


def test_windows_that_a_model_does_not_speak_of_are_noticed() -> None:
    windowed = tiny_checkpoint("mistral", sliding_window=8)
    assert shares_rows(windowed, prompts_of(8))
    # The masks of a model that was built with a window stay when its configuration is handed on without it.
    assert shortest_window(windowed) == 8
    settings = windowed.model.config
    settings.to_dict = lambda: {}
    assert shortest_window(windowed) == float("inf") and not shares_rows(windowed, prompts_of(12))


@pytest.mark.parametrize("error", [TypeError, ValueError, RuntimeError, IndexError, StrataError])
def test_a_body_that_fails_on_a_shared_row_shares_none(error: type[Exception]) -> None:
    checkpoint = tiny_checkpoint("llama")
    plain = checkpoint.model.model.forward

    def forward(*, position_ids: Any = None, **kwargs: Any) -> Any:
        if position_ids is not None:
            raise error("no places", "none") if error is StrataError else error("no places")
        return plain(**kwargs)

    checkpoint.model.model.forward = forward
    assert not shares_rows(checkpoint, prompts_of(10))


def test_a_model_that_places_tokens_by_itself_shares_no_rows() -> None:
    checkpoint = tiny_checkpoint("llama")
    plain = checkpoint.model.model.forward

    def forward(*, position_ids: Any = None, **kwargs: Any) -> Any:
        return plain(**kwargs)

    checkpoint.model.model.forward = forward
    assert not shares_rows(checkpoint, prompts_of(10))


def test_a_trial_is_the_longest_row_and_costs_a_model_two_runs() -> None:
    base, donor, pairs = tiny_checkpoint("llama", seed=0), tiny_checkpoint("llama", seed=1), mixed_pairs()
    shapes: list[tuple[int, ...]] = []
    base.body.register_forward_pre_hook(
        lambda _module, _args, kwargs: shapes.append(tuple(kwargs["input_ids"].shape)), with_kwargs=True
    )
    layer_swaps = layer_swaps_of(N_LAYERS, ("prefix",))
    list(swap_layers(base, donor, pairs, layer_swaps, batch_tokens=40))
    trial, rows = shapes[:2], shapes[2:]
    assert [shape[0] for shape in trial[1:]] == [1] and all(shape[0] == 1 for shape in rows)
    assert trial[0][0] <= 4 and trial[0][1] == max(len(pair.clean.ids) for pair in pairs)
    assert trial[1][1] >= max(shape[1] for shape in rows)


def test_an_adapter_opened_on_its_base_is_swapped_like_any_checkpoint(tmp_path: Path) -> None:
    tiny_model("llama").save_pretrained(tmp_path / "base")
    tiny_tokenizer().save_pretrained(tmp_path / "base")
    lora = get_peft_model(tiny_model("llama"), LoraConfig(r=2, target_modules=["q_proj", "down_proj"]))
    for name, parameter in lora.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.3)
    lora.save_pretrained(tmp_path / "adapter")
    base = open_checkpoint(str(tmp_path / "base"), dtype="float32", device="cpu")
    adapted = open_checkpoint(f"{tmp_path / 'base'}+{tmp_path / 'adapter'}", dtype="float32", device="cpu")
    layer_swaps, pairs = layer_swaps_of(N_LAYERS), even_pairs()
    clean, *_ = collected(base, adapted, pairs, layer_swaps, from_runs=False)
    for column, swap in enumerate(layer_swaps):
        assert torch.equal(
            clean[:, column], plain_scores(exchanged("llama", base.model, adapted.model, swap), pairs)[0]
        )
    nothing = clean[:, layer_swaps.index(layer_swaps_of(N_LAYERS, ("nothing",))[0])]
    assert torch.equal(clean[:, [swap.sweep == "embedding" for swap in layer_swaps].index(True)], nothing)


def test_a_model_swapped_with_itself_does_not_move_by_a_bit(tiny_models: Any) -> None:
    same = tiny_models("llama")
    for scores in collected(same, same, mixed_pairs(), layer_swaps_of(N_LAYERS), from_runs=False):
        assert bool((scores == scores[:, :1]).all())


def test_both_models_are_left_as_they_were_even_after_an_error() -> None:
    base, donor = tiny_checkpoint("llama", seed=0), tiny_checkpoint("llama", seed=1)
    before = [{name: id(module) for name, module in checkpoint.model.named_modules()} for checkpoint in (base, donor)]
    weights = [
        {name: value.clone() for name, value in checkpoint.model.state_dict().items()} for checkpoint in (base, donor)
    ]
    calls = [0]

    def breaks(module: Any, inputs: Any, output: Any) -> None:
        calls[0] += 1
        if calls[0] == 3:
            raise RuntimeError("broken block")

    handle = donor.blocks[1].register_forward_hook(breaks)
    with pytest.raises(RuntimeError, match="broken block"):
        collected(base, donor, even_pairs(), layer_swaps_of(N_LAYERS))
    handle.remove()
    for checkpoint, modules, state in zip((base, donor), before, weights, strict=True):
        assert {name: id(module) for name, module in checkpoint.model.named_modules()} == modules
        assert all(torch.equal(value, state[name]) for name, value in checkpoint.model.state_dict().items())
        assert not any(module._forward_hooks or module._forward_pre_hooks for module in checkpoint.model.modules())


def test_a_random_change_has_the_norm_of_the_real_one_in_every_matrix_and_depends_on_its_seed() -> None:
    base, donor = tiny_checkpoint("qwen2", seed=0), tiny_checkpoint("qwen2", seed=1)
    made, again, other = (RandomDelta(base, donor, seed).block(1) for seed in (0, 0, 1))
    own, of_donor = dict(base.blocks[1].named_parameters()), dict(donor.blocks[1].named_parameters())
    for name, parameter in made.named_parameters():
        real, random = of_donor[name] - own[name], parameter - own[name]
        torch.testing.assert_close(random.norm(), real.norm(), rtol=1e-4, atol=1e-6)
        assert torch.equal(parameter, again.get_parameter(name))
        assert not torch.allclose(parameter, other.get_parameter(name))
        if parameter.ndim == 2:
            assert abs(float(torch.nn.functional.cosine_similarity(real.flatten(), random.flatten(), 0))) < 0.2


def test_a_random_change_is_swapped_like_a_model_made_of_its_blocks() -> None:
    base, donor = tiny_checkpoint("llama", seed=0), tiny_checkpoint("llama", seed=1)
    null = RandomDelta(base, donor, 3)
    layer_swaps, pairs = layer_swaps_of(N_LAYERS, ("nothing", "prefix", "suffix", "single")), even_pairs()
    clean, *_ = collected(base, null, pairs, layer_swaps)
    whole = copy.deepcopy(base.model)
    for layer in range(N_LAYERS):
        whole.model.layers[layer] = null.block(layer)
    for column, swap in enumerate(layer_swaps):
        assert torch.equal(clean[:, column], plain_scores(exchanged("llama", base.model, whole, swap), pairs)[0])


def test_models_that_cannot_be_swapped_are_refused(tiny_models: Any) -> None:
    base, pairs = tiny_models("llama"), even_pairs()
    layer_swaps = layer_swaps_of(N_LAYERS)
    for donor, reason in (
        (tiny_checkpoint("llama", num_hidden_layers=2), "3 blocks"),
        (tiny_checkpoint("llama", hidden_size=64), "32 dimensions"),
        (tiny_checkpoint("llama", dtype=torch.bfloat16), "same --dtype"),
        (tiny_checkpoint("llama", vocab_size=40), "beyond the 40 tokens"),
    ):
        with pytest.raises(StrataError, match=reason):
            list(swap_layers(base, donor, pairs, layer_swaps))
    with pytest.raises(StrataError, match="blocks only"):
        list(swap_layers(base, RandomDelta(base, tiny_checkpoint("llama", seed=1)), pairs, layer_swaps))
    with pytest.raises(StrataError, match="do not exist"):
        list(swap_layers(base, base, pairs, [LayerSwap("single", 3, range(3, 4))]))
    with pytest.raises(StrataError, match="no layer-swap sweep"):
        layer_swaps_of(N_LAYERS, ("middle",))
    for stride in (0, 4):
        with pytest.raises(StrataError, match="blocks apart"):
            layer_swaps_of(N_LAYERS, stride=stride)
    with pytest.raises(StrataError, match="differs in"):
        RandomDelta(base, tiny_models("gpt2")).block(0)


@pytest.mark.parametrize("stride", [1, 2, 3, 7])
def test_sweeps_with_a_stride_are_those_without_that_begin_and_end_there(stride: int) -> None:
    n_layers = 7
    every = {sweep: {swap.blocks for swap in layer_swaps_of(n_layers, (sweep,))} for sweep in ("prefix", "suffix")}
    for sweep in ("prefix", "suffix"):
        strided = layer_swaps_of(n_layers, (sweep,), stride=stride)
        assert {swap.blocks for swap in strided} <= every[sweep] and len(strided) == -(-n_layers // stride)
        assert range(n_layers) in {swap.blocks for swap in strided}
    single = layer_swaps_of(n_layers, ("single",), stride=stride)
    assert [layer for swap in single for layer in swap.blocks] == list(range(n_layers))
    assert max(len(swap.blocks) for swap in single) == stride
