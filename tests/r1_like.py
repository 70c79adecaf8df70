"""A tiny pair with the quirks of Qwen2.5-Math and its R1 distillate: renamed special tokens, a BOS, a template that opens a
think block, more room, an unembedding of its own, padded vocabularies."""

from __future__ import annotations

from pathlib import Path

import torch
from small_world import small_items
from tiny_models import tiny_model
from transformers import PreTrainedTokenizerFast

VOCAB_SIZE = 400
"""Of both models: more than the tokenizers have."""
BASE_CONTEXT, DISTILLED_CONTEXT = 1024, 4096
_BASE_SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|box_start|>", "<|box_end|>", "<|quad_start|>")
_R1_SPECIAL = (
    "<｜end▁of▁sentence｜>",
    "<｜User｜>",
    "<｜Assistant｜>",
    "<｜begin▁of▁sentence｜>",
    "<think>",
    "</think>",
)
"""At the same ids, under other names."""
_BASE_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_R1_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}<｜User｜>{{ message['content'] }}"
    "{% else %}<｜Assistant｜>{{ message['content'].split('</think>')[-1] }}<｜end▁of▁sentence｜>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<｜Assistant｜><think>\n{% endif %}"
)


def write_r1_like_pair(directory: Path) -> tuple[Path, Path]:
    """(base, distilled): directories in Hugging Face's format; the second is the first, moved a little."""
    base, distilled = directory / "base", directory / "distilled"
    model = tiny_model("qwen2", vocab_size=VOCAB_SIZE, max_position_embeddings=BASE_CONTEXT, tie_word_embeddings=True)
    model.save_pretrained(base)
    _tokenizer(_BASE_SPECIAL, _BASE_TEMPLATE, "<|endoftext|>", None).save_pretrained(base)
    tuned = tiny_model(
        "qwen2", vocab_size=VOCAB_SIZE, max_position_embeddings=DISTILLED_CONTEXT, tie_word_embeddings=False
    )
    with torch.no_grad():
        tuned.load_state_dict({**model.state_dict(), "lm_head.weight": model.get_input_embeddings().weight})
        generator = torch.Generator().manual_seed(1)
        for parameter in tuned.parameters():
            parameter.add_(0.05 * parameter.std() * torch.randn(parameter.shape, generator=generator))
    tuned.save_pretrained(distilled)
    _tokenizer(_R1_SPECIAL, _R1_TEMPLATE, _R1_SPECIAL[0], _R1_SPECIAL[3]).save_pretrained(distilled)
    return base, distilled


def _tokenizer(special: tuple[str, ...], template: str, eos: str, bos: str | None) -> PreTrainedTokenizerFast:
    """Bytes in pairs, as Qwen's; `bos` stands before every text."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    texts = [item["prompt"] + item[side] for item in small_items() for side in ("answer", "foil")]
    core.train_from_iterator(texts, trainer)
    core.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in special])
    if bos is not None:
        # R1's puts its BOS by a template, after whatever bytes make of the text.
        core.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", special_tokens=[(bos, core.token_to_id(bos))]
        )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, eos_token=eos, pad_token=eos, bos_token=bos)
    tokenizer.chat_template = template
    return tokenizer
