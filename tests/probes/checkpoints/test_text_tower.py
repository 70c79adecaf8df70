"""Of a model that sees as well the text decoder is read, also where its vision tower is as deep."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import transformers
from saved import logits_of
from tiny_models import VOCAB_SIZE, tiny_tokenizer

from strata.probes.backends.batched_reads import capture_batches
from strata.probes.backends.contract import Site
from strata.probes.backends.torch_hooks import TorchHooks
from strata.probes.checkpoints.open_spec import open_checkpoint, open_on_meta
from strata.probes.prompts.prompt import Prompt

IDS = (4, 9, 30, 12, 7)


@pytest.mark.parametrize("vision_blocks", [2, 4])
def test_the_text_decoder_is_found_beside_a_vision_tower(tmp_path: Path, vision_blocks: int) -> None:
    shape = {"num_attention_heads": 4, "intermediate_size": 48, "hidden_size": 32}
    text = {**shape, "vocab_size": VOCAB_SIZE, "num_hidden_layers": 4, "num_key_value_heads": 2, "head_dim": 8}
    text |= {
        "sliding_window": 4,
        "query_pre_attn_scalar": 8,
        "max_position_embeddings": 64,
        "model_type": "gemma3_text",
    }
    vision = {**shape, "num_hidden_layers": vision_blocks, "image_size": 28, "patch_size": 14}
    config = transformers.Gemma3Config(
        text_config=text, vision_config={**vision, "model_type": "siglip_vision_model"}, mm_tokens_per_image=4
    )
    torch.manual_seed(0)
    plain = transformers.Gemma3ForConditionalGeneration(config).float().eval()
    plain.save_pretrained(tmp_path / "m")
    tiny_tokenizer().save_pretrained(tmp_path / "m")
    checkpoint = open_checkpoint(str(tmp_path / "m"), device="cpu")
    assert checkpoint.n_layers == 4 and "vision" not in checkpoint.anatomy.blocks_path
    assert torch.equal(logits_of(checkpoint.model, IDS), logits_of(plain, IDS))
    with torch.no_grad():
        streams = plain(input_ids=torch.tensor([IDS]), output_hidden_states=True).hidden_states
    sites = [Site("resid_post", block) for block in range(3)]
    (batch,) = capture_batches(
        TorchHooks(checkpoint), [Prompt("one", IDS, {"last": 4})], pad_id=0, device=checkpoint.device, sites=sites
    )
    for place in range(3):
        stream = batch.values[0].reshape(3, -1)[place]
        torch.testing.assert_close(stream, streams[place + 1][0, -1], atol=1e-5, rtol=1e-5)
    assert open_on_meta(str(tmp_path / "m")).anatomy.blocks_path == checkpoint.anatomy.blocks_path
