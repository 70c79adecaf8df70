"""Each library is met only when asked for, with its known quirks kept away from the model and the person."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch
from tiny_models import tiny_checkpoint

from strata.probes.backends import Site, SiteEdit, open_backend, streams_of
from strata.probes.errors import NotSupportedError, StrataError
from strata.probes.prompts.batching import pad
from strata.probes.prompts.prompt import Prompt
from strata.probes.verification.before_measuring import admit

PROMPTS = [Prompt("a", (5, 6, 7, 8, 9)), Prompt("b", (10, 11))]


def test_libraries_come_in_at_first_use_and_nnsight_not_in_debug_mode_for_our_v() -> None:
    code = (
        "import sys, strata.probes.verification.parity, strata.probes.verification.model_self_tests\n"
        "print(sorted({'transformer_lens', 'nnsight'} & set(sys.modules)))\n"
        "sys.argv = ['strata', 'verify', '-v', '--verbose']\n"
        "from strata.probes.backends.nnsight_library import nnsight_library\n"
        "print(nnsight_library().CONFIG.APP.DEBUG, sys.argv[1:])"
    )
    completed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert completed.stdout.splitlines() == ["[]", "False ['verify', '-v', '--verbose']"]


def test_nnsight_leaves_the_tokenizer_alone() -> None:
    checkpoint = tiny_checkpoint("llama")
    checkpoint.tokenizer.pad_token = None
    checkpoint.tokenizer.padding_side = "right"
    open_backend("nnsight", checkpoint)
    assert checkpoint.tokenizer.pad_token is None
    assert checkpoint.tokenizer.padding_side == "right"


def test_a_rehearsed_remote_run_gives_the_local_values(tiny_models: Any) -> None:
    checkpoint = tiny_models("llama")
    sites, batch = streams_of(checkpoint.n_layers), pad(PROMPTS, checkpoint.pad_id)
    where = torch.tensor([[4], [1]])
    edit = SiteEdit(Site("block_out", 1), where, torch.ones(2, 1, checkpoint.d_model))
    here = open_backend("nnsight", checkpoint)
    there = open_backend("nnsight", checkpoint, remote="local")
    torch.testing.assert_close(
        there.read(batch, sites, where).stack(sites), here.read(batch, sites, where).stack(sites)
    )
    torch.testing.assert_close(there.edit(batch, [edit], where).logits, here.edit(batch, [edit], where).logits)


@pytest.mark.parametrize("name", ["transformer_lens", "nnsight"])
def test_what_a_library_raises_on_a_model_is_one_sentence_that_names_both(
    name: str, tiny_models: Any, monkeypatch: Any
) -> None:
    checkpoint = tiny_models("gpt2")
    backend: Any = open_backend(name, checkpoint)

    def fails(*_: object, **__: object) -> None:
        raise KeyError("hook_attn_out")

    if name == "nnsight":
        monkeypatch.setattr(backend._model, "trace", fails)
    else:
        monkeypatch.setattr(backend.bridge, "run_with_hooks", fails)
    with pytest.raises(StrataError, match=rf"The backend {name} fails on GPT2LMHeadModel \(gpt2\) \(KeyError: 'hook"):
        backend.read(pad(PROMPTS, 0), [Site("resid_pre", 0)])


def test_a_model_that_a_library_runs_wrongly_is_refused_by_the_librarys_name(
    tiny_models: Any, monkeypatch: Any
) -> None:
    checkpoint = tiny_models("llama")
    backend: Any = open_backend("transformer_lens", checkpoint)
    monkeypatch.setattr(backend, "_casts", [("blocks.1.hook_mlp_out", lambda h, hook: h * 1.5)])
    with pytest.raises(NotSupportedError, match="because run by transformer_lens it fails the self-test"):
        admit(checkpoint, PROMPTS, backend=backend)


def test_transformer_lens_runs_olmo2_in_half_precision(tiny_models: Any) -> None:
    """Its rotary embedding forgets to cast back, so that the bare bridge crashes."""
    checkpoint = tiny_models("olmo2", torch.bfloat16)
    read = open_backend("transformer_lens", checkpoint).read(pad(PROMPTS, 0), [Site("resid_post", 2)])
    assert read.values[Site("resid_post", 2)].dtype == torch.bfloat16


def test_transformer_lens_needs_no_network_and_no_named_architecture(tiny_models: Any, monkeypatch: Any) -> None:
    checkpoint = tiny_checkpoint("gemma3")
    checkpoint.model.config.architectures = None
    backend: Any = open_backend("transformer_lens", checkpoint)
    assert checkpoint.model.config.architectures is None
    assert str(backend.bridge.cfg.device) == "cpu"


def test_pad_ids_without_a_mask_draw_no_warning_from_gpt2(tiny_models: Any, monkeypatch: Any) -> None:
    warnings: list[str] = []
    monkeypatch.setattr("transformers.modeling_utils.logger.warning_once", warnings.append)
    open_backend("torch", tiny_models("gpt2")).read(pad(PROMPTS, 0), streams_of(3), logits=True)
    assert not warnings
    tiny_models("gpt2").model(input_ids=pad(PROMPTS, 0).ids)
    assert warnings
