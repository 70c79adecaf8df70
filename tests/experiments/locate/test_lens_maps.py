"""Are the maps of read positions cut out of what whole maps say, and does the item table of a run hold a map of everything asked?"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tiny_models import tiny_checkpoint

from strata.experiments.items.alignment import encode_items
from strata.experiments.items.schema import Item
from strata.experiments.lens.prompt_map import prompt_map
from strata.experiments.locate.activation_stores import streams_store
from strata.experiments.locate.capture_streams import Pass, measure
from strata.experiments.locate.lens_maps import at_read_positions, write_lens_maps
from strata.experiments.results.lens_maps import LensMaps
from strata.experiments.run.directory import RunDirectory
from strata.probes.backends.model_reader import ModelReader
from strata.probes.backends.torch_hooks import TorchHooks
from strata.probes.lens.lenses import LOGIT_LENS

POSITIONS = ("last", "subject", "nowhere")


def test_a_map_of_read_positions_is_the_whole_map_at_those_tokens(tmp_path: Path) -> None:
    model = tiny_checkpoint("llama")
    backend = TorchHooks(model)
    asked = [
        Item(f"one:{n}", "knowledge", "one", "test", f"the {word} is", " a", foil=" b", cluster=word, spans={"subject": (4, 5)})
        for n, word in enumerate("cdefg")
    ]  # fmt: skip
    asked.append(Item("one:bare", "knowledge", "one", "test", "h is", " a", foil=" b", cluster="h"))
    encoded, excluded = encode_items(asked, model)
    assert not excluded
    by_key = {one.key: one for one in encoded}
    run = RunDirectory(tmp_path / "run", verb="locate", command=(), identity={"seed": 0})
    store = streams_store(run.path, run.run_id, "model", POSITIONS, ("logit",))
    measure(ModelReader(model, backend), encoded, store, Pass(POSITIONS, (LOGIT_LENS,)))
    read = at_read_positions(store, encoded, POSITIONS)
    write_lens_maps(run, ModelReader(model, backend), by_key, [("one:2", "median")], LOGIT_LENS, read)
    kept = LensMaps.model_validate_json((run.path / "lens_maps.json").read_text())
    tensors = load_file(run.path / "lens_maps.safetensors")
    run.close("done")
    assert kept.read is not None and [one.item for one in kept.maps] == ["one:2"]
    assert {one.item for one in kept.read.items} == set(by_key) - {"one:2"}
    for row, one in enumerate(kept.read.items):
        item = by_key[one.item]
        assert set(one.at) == ({"last"} if one.item == "one:bare" else {"last", "subject"})
        whole = prompt_map(model, backend, item.prompt, answer_id=item.answer_id).tensors()
        for name, at in one.at.items():
            assert one.token_ids[name] == item.prompt.ids[at] and one.tokens[name] == model.token_text(
                item.prompt.ids[at]
            )
            column = kept.read.positions.index(name)
            assert torch.equal(tensors["read.top_ids"][row, :, column], whole["top_ids"][:, at])
            assert set(map(int, whole["top_ids"][:, at].flatten())) <= set(kept.vocabulary)
            for metric in ("top_logprobs", "entropy", "kl_to_final", "answer_logprob"):
                found, expected = tensors[f"read.{metric}"][row, :, column], whole[metric][:, at]
                assert found.numpy() == pytest.approx(expected.numpy(), abs=2e-5), metric
            assert torch.equal(tensors["read.answer_rank"][row, :, column], whole["answer_rank"][:, at])


def test_what_another_version_captured_without_the_likeliest_tokens_has_no_maps(tmp_path: Path) -> None:
    model = tiny_checkpoint("llama")
    encoded, _ = encode_items([Item("a", "knowledge", "one", "test", "the c is", " a", foil=" b", cluster="c")], model)
    store = streams_store(tmp_path, "run", "model", ("last",), ())
    measure(ModelReader(model, TorchHooks(model)), encoded, store, Pass(("last",), ()))
    assert at_read_positions(store, encoded, ("last",)).items == ()
