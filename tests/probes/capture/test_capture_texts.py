"""`strata.capture`: every text gets the values it has alone in plain Hugging Face, whatever it is run beside."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy
import pandas
import pytest
import torch
from bridges import tiny_bridge
from tiny_models import D_MODEL, N_LAYERS, tiny_checkpoint, tiny_model, tiny_tokenizer
from torch import Tensor

import strata
from strata.probes.capture import request as capture_request
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.errors import DoesNotFitError, StrataError

TEXTS = ["a b c d e f g h", "Paris", "the + of . France is in", "x y"]
CLOSE: dict[str, Any] = {"rtol": 1e-4, "atol": 1e-4}


@dataclass(frozen=True)
class Question:
    prompt: str
    spans: dict[str, tuple[int, int]] = field(default_factory=dict)
    id: str = "q"


def alone(model: Any, ids: tuple[int, ...]) -> list[Tensor]:
    """Hidden states of plain Hugging Face for one text; the last is normed, as the library hands it out."""
    with torch.no_grad():
        output = model(torch.tensor([ids]).to(model.device), output_hidden_states=True)
    return [state[0].cpu() for state in output.hidden_states]


def check_against_hugging_face(captured: strata.Captured, model: Any, norm: Any) -> None:
    last = captured.at("last")
    for row, ids in enumerate(captured.token_ids):
        states = alone(model, ids)
        wanted = torch.stack(states[:-1])[:, -1]
        # Another batch shape rounds otherwise, in proportion to the stream's massive activations.
        assert float(((last[row, :-1] - wanted).abs().amax(-1) / wanted.abs().amax(-1)).max()) < 3e-5
        with torch.no_grad():
            torch.testing.assert_close(norm(last[row, -1]), states[-1][-1], rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("adds_bos", [False, True])
@pytest.mark.parametrize("architecture", ["llama", "gpt2", "gemma3", "gpt_neox"])
def test_ragged_texts_have_the_streams_of_plain_hugging_face(architecture: str, adds_bos: bool, side: str) -> None:
    model, tokenizer = tiny_model(architecture), tiny_tokenizer(adds_bos=adds_bos)
    tokenizer.padding_side = side
    captured = strata.capture((model, tokenizer), TEXTS)
    assert captured.token_ids == tuple(tuple(tokenizer(text)["input_ids"]) for text in TEXTS)
    assert captured.values.shape == (len(TEXTS), N_LAYERS + 1, 1, D_MODEL)
    norm = (
        model.transformer.ln_f
        if architecture == "gpt2"
        else model.base_model.norm
        if hasattr(model.base_model, "norm")
        else model.base_model.final_layer_norm
    )
    check_against_hugging_face(captured, model, norm)
    assert torch.equal(captured.streams, captured.values[:, :, 0])


@pytest.mark.model
def test_the_embedded_models_streams_are_those_of_plain_hugging_face(smollm2: Checkpoint) -> None:
    texts = ["The capital of France is", "Two", "Once upon a time there was a dragon who", "2 + 2 ="]
    check_against_hugging_face(strata.capture(smollm2, texts), smollm2.model, smollm2.final_norm)


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "qwen2"])
def test_every_token_and_every_site_is_what_transformer_lens_caches_row_by_row(
    architecture: str, tmp_path: Path
) -> None:
    bridge = tiny_bridge(architecture, tmp_path)
    names = ["resid_pre", "resid_mid", "resid_post", "attn_out", "mlp_out"]
    captured = strata.capture(bridge, TEXTS, sites=names, positions="all")
    assert captured.sites == tuple((name, layer) for name in names for layer in range(N_LAYERS))
    for row, text in enumerate(TEXTS):
        tokens = bridge.to_tokens(text)
        assert tokens[0].tolist() == list(captured.token_ids[row])
        _, cache = bridge.run_with_cache(tokens)
        for place, (name, layer) in enumerate(captured.sites):
            wanted = cache[f"blocks.{layer}.hook_{name}"][0]
            torch.testing.assert_close(captured.values[row, place, : tokens.shape[1]], wanted, **CLOSE)


@pytest.mark.thorough
@pytest.mark.model
def test_a_bridge_around_the_embedded_model_gives_the_rows_that_it_caches_itself(smollm2: Checkpoint) -> None:
    from transformer_lens.model_bridge.sources import build_bridge_from_module

    from strata.probes.backends.second_module_tree import second_tree

    model = second_tree(smollm2.model)
    model.config.architectures = ["LlamaForCausalLM"]
    bridge = build_bridge_from_module(
        model, "LlamaForCausalLM", hf_config=model.config, device="cpu", tokenizer=smollm2.tokenizer
    )
    texts = ["The capital of France is", "Two plus two", "A"]
    captured = strata.capture(bridge, texts, sites=["resid_pre", "mlp_out"])
    for row, text in enumerate(texts):
        tokens = bridge.to_tokens(text)
        assert tokens[0].tolist() == list(captured.token_ids[row])
        _, cache = bridge.run_with_cache(tokens)
        wanted = torch.stack([cache[f"blocks.{site.layer}.hook_{site.name}"][0, -1] for site in captured.sites])
        torch.testing.assert_close(captured.at("last")[row], wanted, rtol=1e-3, atol=1e-3)


def test_block_out_is_what_the_stream_gains() -> None:
    checkpoint = tiny_checkpoint("llama")
    captured = strata.capture(checkpoint, TEXTS, sites=["streams", "block_out"])
    streams, gained = captured.at("last")[:, : N_LAYERS + 1], captured.at("last")[:, N_LAYERS + 1 :]
    torch.testing.assert_close(streams.diff(dim=1), gained, **CLOSE)


def test_sites_are_named_in_any_of_the_ways_and_layers_choose_among_them() -> None:
    checkpoint = tiny_checkpoint("llama")
    whole = strata.capture(checkpoint, TEXTS, sites="mlp_out")
    for sites, layers in (
        (("mlp_out", 1), None),
        ("mlp_out.1", None),
        (["mlp_out"], [1]),
        ("mlp_out", 1),
        ("mlp_out", numpy.array([1])),
        ([("mlp_out", numpy.int64(1))], None),
        ("mlp_out", torch.tensor(1)),
    ):
        part = strata.capture(checkpoint, TEXTS, sites=sites, layers=layers)
        assert part.sites == (("mlp_out", 1),) and torch.equal(part.values, whole.values[:, 1:2])
    streams = strata.capture(checkpoint, TEXTS, layers=[N_LAYERS, 0])
    assert streams.sites == (("resid_post", N_LAYERS - 1), ("resid_pre", 0))


def test_positions_are_spans_tokens_and_places_from_the_end_and_absent_ones_are_nan() -> None:
    checkpoint = tiny_checkpoint("llama", adds_bos=True)
    items = [Question("a b Paris d", {"subject": (4, 9)}, "with"), Question("a b", {}, "without")]
    captured = strata.capture(checkpoint, items, positions=["last", "subject", 0, -2, 4])
    everything = strata.capture(checkpoint, items, positions="all")
    assert captured.where.tolist() == [[4, 3, 0, 3, 4], [2, -1, 0, 1, -1]]
    assert captured.present.tolist() == [[True] * 5, [True, False, True, True, False]]
    for row in range(2):
        for place, index in enumerate(captured.where[row].tolist()):
            got = captured.values[row, :, place]
            assert got.isnan().all() if index < 0 else torch.equal(got, everything.values[row, :, index])
    assert captured.ids == ("with", "without")
    with pytest.raises(StrataError, match=r"1 of 2 texts \(first: 'without'\) have no position 'subject'"):
        _ = strata.capture(checkpoint, items, positions="subject").streams
    assert torch.equal(captured.at(-2), everything.at(-2)) and torch.equal(captured.at("last"), everything.at("last"))
    assert everything.at(-4)[1].isnan().all() and everything.positions == (0, 1, 2, 3, 4)


@pytest.mark.parametrize("positions", [[0], [0, 1], range(3)])
def test_first_tokens_are_not_taken_for_all_tokens(positions: Any) -> None:
    captured = strata.capture(tiny_checkpoint("llama"), TEXTS, positions=positions)
    for place in ("last", -1):
        with pytest.raises(StrataError, match=f"Position {place!r} was not captured. Choose among: 0"):
            captured.at(place)


def test_a_text_has_the_same_values_whatever_is_run_beside_it() -> None:
    checkpoint = tiny_checkpoint("gpt2")
    together = strata.capture(checkpoint, TEXTS, positions="all")
    by_one = strata.capture(checkpoint, TEXTS, positions="all", batch_tokens=1)
    torch.testing.assert_close(together.values, by_one.values, equal_nan=True, **CLOSE)
    single = strata.capture(checkpoint, TEXTS[2])
    torch.testing.assert_close(single.values[0], together.at("last")[2:3].transpose(0, 1)[:, 0][:, None], **CLOSE)


def test_values_as_a_table_have_one_row_a_text_site_and_position_that_is_there() -> None:
    captured = strata.capture(tiny_checkpoint("llama"), TEXTS, sites="mlp_out", positions="all")
    table = captured.to_pandas()
    assert table.shape == (int(captured.present.sum()) * N_LAYERS, D_MODEL)
    row = table.loc[("2", "mlp_out.1", 3)]
    assert row.tolist() == captured.values[2, 1, 3].tolist()


def test_the_notebook_display_escapes_what_it_shows() -> None:
    checkpoint = tiny_checkpoint("llama")
    shown = strata.capture(checkpoint, ["<script>alert(1)</script> a", *TEXTS, "a", "b"])._repr_html_()
    assert "<script>" not in shown and "&lt;script&gt;" in shown and "and 2 more" in shown


def test_what_cannot_be_captured_is_refused_in_one_sentence() -> None:
    checkpoint = tiny_checkpoint("llama")
    parallel = tiny_checkpoint("gpt_neox")
    item = Question("a b", {"subject": (0, 1)})
    for arguments, words in (
        ({"texts": ["a", ""]}, r"Text 1 is empty"),
        ({"texts": "  "}, r"Text 0 is empty"),
        ({"texts": []}, "No texts were given"),
        ({"texts": 3}, "3 is no text"),
        ({"texts": ["a", 3]}, "Text 1 is of type int"),
        ({"texts": [item, item]}, "Two texts have the id 'q'"),
        ({"texts": ["a"], "sites": "mlp"}, r"no site 'mlp'\. Choose among: streams, resid_pre"),
        ({"texts": ["a"], "sites": ("mlp_out", 3)}, r"no block 3 for mlp_out\. This model has blocks 0 to 2"),
        ({"texts": ["a"], "sites": ("mlp_out", -1)}, "no block -1"),
        ({"texts": ["a"], "layers": [4]}, "no stream 4"),
        ({"texts": ["a"], "sites": []}, "No sites"),
        ({"texts": ["a"], "layers": [1.5]}, "layers holds 1.5"),
        ({"texts": ["a"], "layers": "3"}, "layers holds '3'"),
        ({"texts": ["a"], "layers": True}, "layers holds True"),
        ({"texts": ["a"], "sites": [("mlp_out", 1.5)]}, "is no site"),
        ({"texts": ["a"], "positions": 1.5}, "1.5 is no position"),
        ({"texts": pandas.DataFrame({"prompt": ["a"], "spans": [{}]})}, "A DataFrame is no list of texts"),
        ({"texts": [{"prompt": "a b", "spans": 5}]}, "The spans of text 0 are of type int"),
        *(
            ({"texts": [{"prompt": "a b", "id": "q", "spans": {"s": span}}]}, r"Span 's' of text 'q' is .* which has 3\.")
            for span in (5, "ab", (1,), (0, 1, 2), (0, 1.0), (0, 4), (-1, 2), (2, 2), (2, 1), (False, True))
        ),
        *(({"texts": ["a"], "batch_tokens": count}, rf"batch_tokens is {count!r}\. Give") for count in (0, -5, 1.5, True)),
        ({"texts": [item], "positions": "object"}, r"No text has a position 'object'\. Choose among: last, subject"),
        ({"texts": ["a b"], "positions": 2}, r"No text has a position 2\. Tokens are counted from 0, and the longest text has 2"),
        ({"texts": ["a b"], "positions": ["all", "last"]}, "'all' holds every other one"),
        ({"texts": ["a b"], "positions": []}, "No positions"),
        ({"texts": ["a " * 65]}, "Text 0 has 65 tokens, this model reads at most 64"),
    ):  # fmt: skip
        with pytest.raises(StrataError, match=words):
            strata.capture(checkpoint, **arguments)
    with pytest.raises(StrataError, match="no resid_mid"):
        strata.capture(parallel, "a", sites="resid_mid")


def test_more_than_half_of_the_free_memory_is_refused_with_the_way_to_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    one_text = (N_LAYERS + 1) * D_MODEL * 4
    monkeypatch.setattr(capture_request, "free_host_memory", lambda: 2 * one_text)
    assert len(strata.capture(tiny_checkpoint("llama"), "a")) == 1
    with pytest.raises(DoesNotFitError, match=r"more than half .*strata capture CHECKPOINT ITEMS --out DIR"):
        strata.capture(tiny_checkpoint("llama"), ["a", "b"])


def test_infinite_values_are_refused_by_name() -> None:
    model = tiny_model("llama")
    with torch.no_grad():
        model.model.embed_tokens.weight[4] = torch.inf  # the letter a, which no prompt of the self-tests holds
    texts = [f"{letter} b" for letter in "cdefghijklmn"]
    texts.insert(7, "b a")
    with pytest.raises(StrataError, match=r"1 texts \(first: '7'\) gave infinite or undefined values in torch.float32"):
        strata.capture((model, tiny_tokenizer()), texts)


def test_items_without_an_id_of_their_own_are_called_by_their_number() -> None:
    given = [{"prompt": "a", "id": None}, {"prompt": "b"}, Question("c", id=None)]
    assert strata.capture(tiny_checkpoint("llama"), given).ids == ("0", "1", "2")
