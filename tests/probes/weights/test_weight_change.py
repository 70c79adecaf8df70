"""The change of every weight is what whole tensors in memory say, however the files are cut and stored."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from tiny_models import ARCHITECTURES, N_LAYERS, tiny_model, tiny_tokenizer
from torch import Tensor

from strata.probes.checkpoints.open_spec import open_checkpoint
from strata.probes.checkpoints.tensor_names import canonical_name
from strata.probes.errors import StrataError
from strata.probes.weights.spectrum import EXACT_SIDE, spectrum_of
from strata.probes.weights.tensor_source import open_tensors
from strata.probes.weights.weight_change import TensorChange, compare_weights, weight_changes


def save(directory: Path, model: Any, shard: str = "5GB") -> str:
    model.save_pretrained(directory, max_shard_size=shard)
    tiny_tokenizer().save_pretrained(directory)
    return str(directory)


def nudged(model: Any, strength: float, only: str = "", seed: int = 5) -> Any:
    """`model` with noise added to its weights: `strength` times their own size."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if only in name:
                noise = torch.randn(parameter.shape, generator=generator)
                parameter.add_((strength * parameter.float().std() * noise).to(parameter.dtype))
    return model


def by_name(a: str, b: str, **options: Any) -> dict[str, TensorChange]:
    return {change.name: change for change in compare_weights(a, b, **options)}


def whole(a: Tensor, b: Tensor) -> tuple[float, float]:
    """(cosine, relative norm) by numpy on whole tensors."""
    x, y = a.double().numpy().ravel(), b.double().numpy().ravel()
    return float(x @ y / np.linalg.norm(x) / np.linalg.norm(y)), float(np.linalg.norm(y - x) / np.linalg.norm(x))


@given(
    shape=st.tuples(st.integers(1, 40), st.integers(1, 12)),
    chunk=st.integers(1, 500),
    strength=st.sampled_from([1e-4, 0.1, 1.0, 30.0]),
    seed=st.integers(0, 100),
)
def test_numbers_are_numpys_on_whole_tensors_whatever_the_chunk(
    tmp_path_factory: pytest.TempPathFactory, shape: tuple[int, int], chunk: int, strength: float, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    a = torch.randn(shape, generator=generator)
    b = a + strength * torch.randn(shape, generator=generator)
    sides = []
    for side, tensor in (("a", a), ("b", b)):
        directory = tmp_path_factory.mktemp("weights") / side
        directory.mkdir()
        (directory / "config.json").write_text("{}")
        save_file({"layers.0.mlp.up_proj.weight": tensor}, directory / "model.safetensors")
        sides.append(str(directory))
    change = by_name(*sides, chunk_elements=chunk)["layers.0.mlp.up_proj.weight"]
    cosine, relative = whole(a, b)
    assert change.cosine == pytest.approx(cosine, rel=1e-9, abs=1e-12)
    assert change.relative_norm == pytest.approx(relative, rel=1e-9)
    assert change.spectrum is not None
    values = np.linalg.svd((b.double() - a.double()).numpy(), compute_uv=False) ** 2
    assert change.spectrum.stable_rank == pytest.approx(values.sum() / values[0], rel=1e-6)
    assert change.spectrum.top_share == pytest.approx(values[:16].sum() / values.sum(), rel=1e-9)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_tensor_has_its_block_and_kind(tmp_path: Path, architecture: str) -> None:
    a = save(tmp_path / "a", tiny_model(architecture))
    b = save(tmp_path / "b", nudged(tiny_model(architecture), 0.1))
    changes = list(compare_weights(a, b))
    assert not [change.name for change in changes if change.matrix == "other"]
    for matrices in ({"o", "down"}, {"up", "gate_up"}, {"q", "qkv"}, {"norms"}):
        for block in range(N_LAYERS):
            assert [change for change in changes if change.block == block and change.matrix in matrices]
    outside = {change.matrix for change in changes if change.block is None}
    assert {"embedding", "final_norm"} <= outside <= {"embedding", "final_norm", "unembedding", "positions"}
    for change in changes:
        if change.is_matrix:
            assert change.relative_norm == pytest.approx(0.1, rel=0.2)


def test_only_the_changed_block_shows(tmp_path: Path) -> None:
    a = save(tmp_path / "a", tiny_model("llama"))
    b = save(tmp_path / "b", nudged(tiny_model("llama"), 0.2, only="layers.1.mlp"))
    lines = weight_changes(compare_weights(a, b))
    changed = {(line.block, line.matrix) for line in lines if line.relative_norm}
    assert changed == {(1, "gate"), (1, "up"), (1, "down")}
    assert [line.block for line in lines] == [
        None,
        *sorted(line.block for line in lines[1:-2] if line.block is not None),
        None,
        None,
    ]
    assert all(change.identical == (change.relative_norm == 0) for change in compare_weights(a, b))


def test_a_line_is_its_tensors_laid_end_to_end(tmp_path: Path) -> None:
    first, second = tiny_model("llama"), nudged(tiny_model("llama"), 0.3)
    a, b = save(tmp_path / "a", first), save(tmp_path / "b", second)
    line = next(
        change for change in weight_changes(compare_weights(a, b)) if (change.block, change.matrix) == (2, "norms")
    )
    norms = ("input_layernorm", "post_attention_layernorm")
    x = torch.cat([first.model.layers[2].get_submodule(name).weight for name in norms])
    y = torch.cat([second.model.layers[2].get_submodule(name).weight for name in norms])
    assert line.n == 2 and line.stable_rank is None
    assert (line.cosine, line.relative_norm) == pytest.approx(whole(x.detach(), y.detach()))


def test_shards_and_a_single_file_say_the_same(tmp_path: Path) -> None:
    base, changed = tiny_model("llama"), nudged(tiny_model("llama"), 0.1)
    a = save(tmp_path / "a", base)
    b, cut = save(tmp_path / "b", changed), save(tmp_path / "cut", changed, shard="20KB")
    assert len(list((tmp_path / "cut").glob("*.safetensors"))) > 2
    assert list(compare_weights(a, b)) == list(compare_weights(a, cut))


def test_rounding_to_bfloat16_is_no_change_but_a_change_as_small_is_one(tmp_path: Path) -> None:
    a = save(tmp_path / "a", tiny_model("llama"))
    rounded = save(tmp_path / "rounded", tiny_model("llama", dtype=torch.bfloat16))
    changes = by_name(a, rounded)
    assert all(change.identical for change in changes.values())
    assert 0 < (changes["layers.0.mlp.up_proj.weight"].relative_norm or 0) < 2**-8
    nudge = save(tmp_path / "nudged", nudged(tiny_model("llama"), 2**-9))
    assert not any(change.identical for change in by_name(a, nudge).values())


def test_a_tied_unembedding_is_compared_as_the_embedding_it_is(tmp_path: Path) -> None:
    tied = tiny_model("llama", tie_word_embeddings=True)
    untied = tiny_model("llama", seed=3)
    untied.load_state_dict(tied.state_dict())
    a, b = save(tmp_path / "a", tied), save(tmp_path / "b", nudged(untied, 0.1, only="lm_head"))
    assert open_tensors(a).tied and not open_tensors(b).tied
    changes = by_name(a, b)
    assert changes["embed_tokens.weight"].relative_norm == 0
    assert changes["lm_head.weight"].relative_norm == pytest.approx(0.1, rel=0.05)
    assert "lm_head.weight" not in by_name(a, a)


def test_an_extended_vocabulary_is_compared_where_both_have_rows(tmp_path: Path) -> None:
    small, large = tiny_model("llama"), nudged(tiny_model("llama"), 0.1)
    large.resize_token_embeddings(96)
    a, b = save(tmp_path / "a", small), save(tmp_path / "b", large)
    change = by_name(a, b)["embed_tokens.weight"]
    shared = small.get_input_embeddings().weight.shape[0]
    assert (change.shared_rows, change.shape_b) == (shared, (96, 32))
    shared_rows = large.get_input_embeddings().weight[:shared].detach()
    assert (change.cosine, change.relative_norm) == pytest.approx(
        whole(small.get_input_embeddings().weight.detach(), shared_rows)
    )


def test_what_has_no_counterpart_is_named_and_excluded_of_the_table(tmp_path: Path) -> None:
    a = save(tmp_path / "a", tiny_model("llama"))
    b = save(tmp_path / "b", tiny_model("llama", num_hidden_layers=4, intermediate_size=64))
    changes = by_name(a, b)
    assert changes["layers.3.self_attn.q_proj.weight"].shape_a is None
    assert changes["layers.0.mlp.up_proj.weight"].moments is None
    assert {line.block for line in weight_changes(changes.values())} == {None, 0, 1, 2}


@pytest.mark.parametrize(
    ("architecture", "options"),
    [
        ("llama", {"target_modules": ["q_proj", "down_proj"]}),
        ("llama", {"target_modules": ["v_proj"], "use_rslora": True}),
        (
            "llama",
            {
                "target_modules": ["q_proj", "up_proj"],
                "rank_pattern": {"layers.1.self_attn.q_proj": 2},
                "alpha_pattern": {"up_proj": 3},
            },
        ),
        ("llama", {"target_modules": ["q_proj"], "modules_to_save": ["lm_head"]}),
        ("llama", {"target_modules": ["q_proj", "embed_tokens"]}),
        ("gpt2", {"target_modules": ["c_attn", "c_fc"], "fan_in_fan_out": True}),
    ],
    ids=["plain", "rank stabilised", "patterns", "saved whole", "embedding", "transposed"],
)
def test_an_adapter_added_by_rows_is_the_adapter_merged_by_peft(
    tmp_path: Path, architecture: str, options: dict[str, Any]
) -> None:
    a = save(tmp_path / "a", tiny_model(architecture))
    torch.manual_seed(3)
    adapted = get_peft_model(tiny_model(architecture), LoraConfig(r=4, lora_alpha=12, **options))
    for name, parameter in adapted.named_parameters():
        if "lora" in name or "modules_to_save" in name:
            torch.nn.init.normal_(parameter, std=0.3)
    adapted.save_pretrained(tmp_path / "lora", save_embedding_layers=False)
    merged = PeftModel.from_pretrained(tiny_model(architecture), tmp_path / "lora").merge_and_unload()
    b = save(tmp_path / "b", merged)
    on_the_fly = by_name(a, f"{a}+{tmp_path / 'lora'}", chunk_elements=300)
    for name, change in by_name(a, b).items():
        assert on_the_fly[name].cosine == pytest.approx(change.cosine, abs=1e-6)
        assert on_the_fly[name].relative_norm == pytest.approx(change.relative_norm, rel=1e-4, abs=1e-7)
    changed = [change for change in on_the_fly.values() if change.relative_norm]
    low_rank = [change.spectrum for change in changed if change.spectrum and change.matrix != "unembedding"]
    assert low_rank and all(spectrum.stable_rank <= 4 for spectrum in low_rank)
    assert all(spectrum.top_share == pytest.approx(1, abs=1e-6) for spectrum in low_rank)


def test_adapters_that_are_no_plain_sum_are_refused(tmp_path: Path) -> None:
    a = save(tmp_path / "a", tiny_model("llama"))
    config = LoraConfig(r=4, target_modules=["q_proj"], use_dora=True)
    get_peft_model(tiny_model("llama"), config).save_pretrained(tmp_path / "dora")
    with pytest.raises(StrataError, match=r"use_dora.*can't be added weight by weight"):
        list(compare_weights(a, f"{a}+{tmp_path / 'dora'}"))
    other = get_peft_model(tiny_model("llama", hidden_size=64), LoraConfig(r=4, target_modules=["q_proj"]))
    other.save_pretrained(tmp_path / "other")
    with pytest.raises(StrataError, match="does not fit this base"):
        list(compare_weights(a, f"{a}+{tmp_path / 'other'}"))
    with pytest.raises(StrataError, match="twice"):
        list(compare_weights(a, f"{a}+{tmp_path / 'other'}+{tmp_path / 'other'}"))


def test_weights_that_are_no_numbers_or_quantised_are_refused(tmp_path: Path) -> None:
    a = save(tmp_path / "a", tiny_model("llama"))
    broken = tiny_model("llama")
    broken.model.layers[1].mlp.up_proj.weight.data[3, 4] = math.nan
    with pytest.raises(StrataError, match=r"layers\.1\.mlp\.up_proj.*NaN"):
        list(compare_weights(a, save(tmp_path / "b", broken)))
    file = Path(save(tmp_path / "c", tiny_model("llama"))) / "model.safetensors"
    state = load_file(file)
    state["model.layers.0.mlp.up_proj.weight"] = state["model.layers.0.mlp.up_proj.weight"].to(torch.int8)
    save_file(state, file)
    with pytest.raises(StrataError, match="quantised"):
        list(compare_weights(a, str(tmp_path / "c")))


def test_a_body_saved_alone_and_a_whole_model_go_by_the_same_names() -> None:
    names = {
        "h.0.attn.c_attn.weight",
        "transformer.h.0.attn.c_attn.weight",
        "base_model.model.transformer.h.0.attn.c_attn.weight",
    }
    assert {canonical_name(name) for name in names} == {"h.0.attn.c_attn.weight"}


def test_what_is_known_is_not_read_again(tmp_path: Path) -> None:
    a = save(tmp_path / "a", tiny_model("llama"))
    b = save(tmp_path / "b", nudged(tiny_model("llama"), 0.1))
    first = by_name(a, b)
    source = open_tensors(b)
    for file in {stored.file for stored in source.tensors.values()}:
        file.unlink()
    assert list(compare_weights(a, source, known=first)) == list(first.values())
    with pytest.raises(StrataError, match="can't be read any more"):
        list(compare_weights(a, source))


def chunked(matrix: Tensor, rows: int) -> Callable[[], Iterator[Tensor]]:
    return lambda: iter(matrix.split(rows))


@pytest.mark.parametrize("rank", [1, 5])
def test_a_large_low_rank_change_is_found_to_single_precision(rank: int) -> None:
    torch.manual_seed(0)
    matrix = torch.randn(1300, rank, dtype=torch.float64) @ torch.randn(rank, EXACT_SIDE + 200, dtype=torch.float64)
    spectrum = spectrum_of(chunked(matrix, 100), (1300, EXACT_SIDE + 200))
    values = torch.linalg.svdvals(matrix).square()
    assert spectrum is not None and spectrum.method == "randomised"
    assert spectrum.stable_rank == pytest.approx(float(values.sum() / values[0]), rel=1e-5)
    assert spectrum.top_share == pytest.approx(1.0, abs=1e-5)


def test_a_large_flat_change_is_underestimated_by_a_few_percent_and_never_over() -> None:
    torch.manual_seed(0)
    matrix = torch.randn(1300, EXACT_SIDE + 200)
    spectrum = spectrum_of(chunked(matrix, 100), (1300, EXACT_SIDE + 200))
    values = torch.linalg.svdvals(matrix.double()).square()
    stable, share = float(values.sum() / values[0]), float(values[:16].sum() / values.sum())
    assert spectrum is not None
    assert 0.85 * share < spectrum.top_share <= share
    assert stable <= spectrum.stable_rank < 1.15 * stable
    again = spectrum_of(chunked(matrix, 333), (1300, EXACT_SIDE + 200))
    assert again is not None and again.stable_rank == pytest.approx(spectrum.stable_rank)


def test_no_change_has_no_spectrum() -> None:
    assert spectrum_of(chunked(torch.zeros(7, 5), 2), (7, 5)) is None
    assert spectrum_of(chunked(torch.zeros(1100, 1100), 500), (1100, 1100)) is None


def test_the_opened_model_and_the_streamed_weights_are_the_same(tmp_path: Path) -> None:
    a = save(tmp_path / "a", tiny_model("gpt_neox"))
    source = open_tensors(a)
    state = {canonical_name(name): value for name, value in open_checkpoint(a).model.state_dict().items()}
    assert set(source.tensors) <= set(state)
    for name, stored in source.tensors.items():
        rows = source.rows(name, 0, stored.shape[0])
        torch.testing.assert_close(rows.reshape(stored.shape), state[name])
