"""What does the model write? Batched decoding whose result doesn't depend on what else is in the batch."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.decoding.prefill import prefilled
from strata.probes.decoding.suppressed_texts import suppressing
from strata.probes.decoding.unfinished_rows import Stem, can_be_cut, few_enough, gone_on
from strata.probes.errors import DoesNotFitError, StrataError
from strata.probes.progress import Progress, silent
from strata.probes.prompts.batching import pad
from strata.probes.prompts.prompt import Prompt

_ROWS = 32
"""Rows of a batch at least, where memory allows."""
_MOST_ROWS = 128
_BATCH_TOKENS = 1 << 14
"""Up to so many tokens, those to be written included, a batch has more rows: short ones cost little memory."""
_SELDOM = 64
"""A stop rule is asked again after as many tokens as a 64th of those that are there: after each one of the first 128."""
StopRule = Callable[[int, str], int | None]
"""Of a prompt's place among the prompts and what was written after it: how many characters to keep, None to go on."""


@dataclass(frozen=True)
class Generation:
    """What followed one prompt."""

    text: str
    """The continuation, without the stop text or end token that ended it, and without what a stop rule cut off."""
    ids: tuple[int, ...]
    """Its token ids, with what ended it."""
    finished: bool
    """Ended by itself (end token or stop text), not by `max_new_tokens`."""


def generate(  # 11 parameters: the customary ones of decoding, by their customary names
    checkpoint: Checkpoint,
    prompts: Sequence[str | Prompt],
    *,
    max_new_tokens: int = 256,
    temperature: float = 0.0,
    seed: int = 0,
    stop: Sequence[str] | StopRule = (),
    never: Sequence[str] = (),
    batch_size: int | None = None,
    in_groups: bool = True,
    progress: Progress = silent,
    stage: str = "generate",
) -> list[Generation]:
    """The continuation of each prompt, in the order given; `temperature` 0 decodes greedily.

    Prompts are padded on the left, so in float32 a batch says what each prompt says alone, up to ties within
    rounding. A sample depends on `seed` and its own prompt only (Gumbel-max: noise drawn per prompt is added to the
    logits over the temperature, and the largest taken): twice the same prompt gives twice the same text, so draw
    again with another seed. The checkpoint's own sampling defaults are not used. Rows that ended leave the batch;
    `batch_size` None: as many rows as their length allows. `in_groups`: prompts of unlike length may be run in parts before they are decoded;
    without, the last column of the first pass holds every prompt's last token, as a hook on a block may need. `stop` holds the texts that end a
    continuation, or is a rule that is asked after every token, for what depends on more than a text. None of the texts in `never` is
    written: where one would begin, the next likeliest token is taken.

    Raises StrataError for an empty prompt, one that leaves no room in the context, and bad settings;
    DoesNotFitError when a single prompt does not fit into memory.
    """
    if max_new_tokens < 1 or temperature < 0 or (batch_size is not None and batch_size < 1):
        raise StrataError(
            f"max_new_tokens {max_new_tokens}, temperature {temperature}, batch_size {batch_size} can't be used",
            "Give at least 1, 0 and 1",
        )
    asked = [
        prompt if isinstance(prompt, Prompt) else Prompt(str(row), checkpoint.encode(prompt))
        for row, prompt in enumerate(prompts)
    ]
    _check_room(checkpoint, asked, max_new_tokens)
    rule = stop if callable(stop) else _first_of(tuple(stop))
    suppressed = suppressing(checkpoint, never)
    # The longest come first: what doesn't fit into memory shows at once, and rows of a batch are alike in length.
    waiting = sorted(range(len(asked)), key=lambda row: -len(asked[row].ids))
    generations: dict[int, Generation] = {}
    most = batch_size or _MOST_ROWS
    while waiting:
        size = min(most, batch_size or rows_together(len(asked[waiting[0]].ids) + max_new_tokens))
        mates = [_company(checkpoint, len(asked[row].ids), max_new_tokens) for row in waiting[:size]]
        count = next((at for at, other in enumerate(mates) if other != mates[0]), len(mates))
        rows, rest = waiting[:count], waiting[count:]
        batch = [asked[row] for row in rows]
        tell = partial(progress, stage, len(generations), len(asked), "prompts")
        tell()
        try:
            cuts = [partial(rule, row) for row in rows]
            noise = _GumbelNoise(batch, temperature, seed) if temperature > 0 else None
            made = _decode(checkpoint, batch, in_groups, max_new_tokens, noise, suppressed, cuts, tell)
        except torch.OutOfMemoryError as error:
            if len(rows) == 1:
                raise DoesNotFitError(
                    f"A prompt of {len(batch[0].ids)} tokens does not fit into memory", "Try --dtype bfloat16"
                ) from error
            most = max(1, len(rows) // 2)
            continue
        generations |= dict(zip(rows, made, strict=True))
        waiting = rest
    progress(stage, len(asked), len(asked), "prompts")
    return [generations[row] for row in range(len(asked))]


def rows_together(tokens: int) -> int:
    """How many rows of so many tokens, those to be written included, are decoded together where memory allows."""
    return max(_ROWS, min(_MOST_ROWS, _BATCH_TOKENS // tokens))


def _first_of(stop: Sequence[str]) -> StopRule:
    """Cuts where the first of the stop texts begins."""
    return lambda _row, text: min((text.find(stop_text) for stop_text in stop if stop_text in text), default=None)


def _company(checkpoint: Checkpoint, n_tokens: int, max_new_tokens: int) -> tuple[bool, ...] | int:
    """Prompts with the same are decoded together; a length stands for prompts of that length only, which need no pads.

    A text that grows beyond a length at which position embeddings change has a cache of its own from there on, which
    transformers begins anew by the length of the whole batch. And a model that doesn't name `position_ids` is given none
    while it decodes, so that pads would move its words.
    """
    settings = checkpoint.model.config.get_text_config()
    # Phi-3 begins its cache anew there, whatever its position embeddings do.
    named = getattr(settings, "original_max_position_embeddings", None)
    limits = (*checkpoint.thresholds, *([int(named)] if named else []))
    # Nor may a state or a convolution go over pads.
    takes_positions = "position_ids" in inspect.signature(checkpoint.model.forward).parameters
    takes_pads = takes_positions and not checkpoint.anatomy.pads_right
    if not takes_pads or any(n_tokens <= limit < n_tokens + max_new_tokens for limit in limits):
        return n_tokens
    return tuple(n_tokens > limit for limit in limits)


def _check_room(checkpoint: Checkpoint, asked: Sequence[Prompt], max_new_tokens: int) -> None:
    for prompt in asked:
        if not prompt.ids:
            raise StrataError(f"Prompt {prompt.key} is empty", "Give every prompt some text")
        limit = checkpoint.max_context
        if limit is not None and len(prompt.ids) + max_new_tokens > limit:
            raise StrataError(
                f"Prompt {prompt.key} has {len(prompt.ids)} tokens, which with {max_new_tokens} new ones is more than "
                f"the model's context of {limit}",
                "Shorten it, or ask for fewer new tokens",
            )


def _decode(
    checkpoint: Checkpoint,
    prompts: Sequence[Prompt],
    in_groups: bool,
    max_new_tokens: int,
    noise: _GumbelNoise | None,
    suppressed: Any,
    cuts: Sequence[Callable[[str], int | None]],
    tell: Callable[[], None],
) -> list[Generation]:
    from transformers import LogitsProcessorList, StoppingCriteriaList

    batch = pad(prompts, checkpoint.pad_id, "left").to(checkpoint.device)
    longest = len(prompts[0].ids) + max_new_tokens
    alike = isinstance(_company(checkpoint, len(prompts[0].ids), max_new_tokens), tuple)
    leave = max_new_tokens if alike and can_be_cut(checkpoint, longest) else 0
    ended = _Ended(checkpoint, cuts, tell, leave=leave)
    # Suppressed tokens stay impossible with noise added; noise comes last.
    processors = LogitsProcessorList([one for one in (suppressed, noise) if one is not None])
    generations: dict[int, Generation] = {}
    with _without_own_defaults(checkpoint.model), torch.inference_mode():
        stem = Stem(batch.ids, batch.mask, prefilled(checkpoint, prompts) if in_groups else None)
        while True:
            ended.reads(stem.ids.shape[1])
            out = checkpoint.model.generate(
                input_ids=stem.ids,
                attention_mask=stem.mask,
                past_key_values=stem.cache,
                generation_config=_settings(checkpoint, max_new_tokens - ended.written, ended.ends),
                logits_processor=processors,
                stopping_criteria=StoppingCriteriaList([ended]),
            )
            last = not ended.left
            done = [place for place, row in enumerate(ended.rows) if last or ended.length[row] is not None]
            for place in done:
                row = ended.rows[place]
                generations[row] = ended.generation(row, tuple(out.sequences[place, ended.width :].tolist()))
            if last:
                return [generations[row] for row in range(len(prompts))]
            places = [place for place in range(len(ended.rows)) if place not in set(done)]
            stem = gone_on(stem, places, out.sequences, out.past_key_values)
            if noise is not None:
                noise.keep(places)
            ended.keep(places)


def _settings(checkpoint: Checkpoint, max_new_tokens: int, ends: Sequence[int]) -> Any:
    from transformers import GenerationConfig

    return GenerationConfig(
        max_new_tokens=max_new_tokens,
        do_sample=False,
        pad_token_id=checkpoint.pad_id,
        eos_token_id=list(ends) or None,
        use_cache=True,
        return_dict_in_generate=True,
    )


@contextmanager
def _without_own_defaults(model: Any) -> Iterator[None]:
    """Hub checkpoints carry sampling settings and penalties of their own, which the library mixes in."""
    from transformers import GenerationConfig

    before, model.generation_config = model.generation_config, GenerationConfig()
    try:
        yield
    finally:
        model.generation_config = before


class _Ended:
    """Where each row ended; also how the decoding loop lets itself be watched and stopped.

    A stop rule reads the whole text, so asking it after every token takes time with the square of their number, more than the
    model for chains of thousands. It is asked ever more seldom, and where it says yes, the token that it said so first at
    is found by halving: what has ended stays ended.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        cuts: Sequence[Callable[[str], int | None]],
        tell: Callable[[], None],
        *,
        leave: int,
    ) -> None:
        """`leave`: before so many tokens the loop may be stopped where few rows are left, which then go on without the others."""
        self.tokenizer, self.cuts, self.tell, self.leave = checkpoint.tokenizer, cuts, tell, leave
        self.ends = _end_ids(checkpoint)
        self.length: list[int | None] = [None] * len(cuts)
        self.rows = list(range(len(cuts)))
        """Those that are decoded."""
        self.width = self.written = 0
        """Columns before what is written, and columns written."""
        self.left = False
        """Whether the loop was stopped while rows went on."""
        self.asked = 0
        """Tokens after which the rules were asked last."""

    def reads(self, columns: int) -> None:
        """The loop begins with so many columns, of which the last ones were written before."""
        self.width, self.left = columns - self.written, False

    def keep(self, places: Sequence[int]) -> None:
        """Rows at the other places of the batch have left it."""
        self.rows = [self.rows[place] for place in places]

    def __call__(self, ids: Int[Tensor, "item token"], scores: Any, **_options: Any) -> Bool[Tensor, " item"]:
        self.tell()
        self.written = ids.shape[1] - self.width
        is_end = [token in self.ends for token in ids[:, -1].tolist()]
        asks = self.written >= self.asked + max(1, self.asked // _SELDOM)
        for place, row in enumerate(self.rows):
            if self.length[row] is None and (asks or is_end[place]):
                self.length[row] = self._ended(row, ids[place, self.width :].tolist(), is_end[place])
        if asks:
            self.asked = self.written
        done = [self.length[row] is not None for row in self.rows]
        self.left = self.written < self.leave and few_enough(done.count(False), len(done))
        return torch.tensor([self.left or ended for ended in done], device=ids.device)

    def _ended(self, row: int, ids: list[int], is_end: bool) -> int | None:
        """Number of the row's tokens, the one that ended it included; None while it goes on."""
        if self.cuts[row](self._text(ids)) is None:
            return len(ids) if is_end else None
        going_on, ended = self.asked, len(ids)
        while ended - going_on > 1:
            middle = (going_on + ended) // 2
            if self.cuts[row](self._text(ids[:middle])) is None:
                going_on = middle
            else:
                ended = middle
        return ended

    def generation(self, row: int, ids: tuple[int, ...]) -> Generation:
        # Room may have run out between two times that the rule was asked.
        length = self.length[row] or self._ended(row, list(ids), False)
        ids = ids[:length]
        text_ids = ids[:-1] if ids and ids[-1] in self.ends else ids
        text = self._text(text_ids)
        return Generation(text[: self.cuts[row](text)], ids, length is not None)

    def _text(self, ids: Sequence[int]) -> str:
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False))


class _GumbelNoise:
    """Turns the choice of the largest logit into a draw from the softmax, with noise of each row's own."""

    def __init__(self, prompts: Sequence[Prompt], temperature: float, seed: int) -> None:
        self.temperature = temperature
        self.sources = [torch.Generator().manual_seed(_row_seed(seed, prompt.ids)) for prompt in prompts]

    def keep(self, places: Sequence[int]) -> None:
        """Rows at the other places of the batch have left it."""
        self.sources = [self.sources[place] for place in places]

    def __call__(
        self, ids: Int[Tensor, "item token"], scores: Float[Tensor, "item vocab"]
    ) -> Float[Tensor, "item vocab"]:
        size = scores.shape[-1]
        waiting = torch.stack([torch.empty(size).exponential_(generator=source) for source in self.sources])
        return scores.float() / self.temperature - waiting.to(scores.device).log()


def _row_seed(seed: int, ids: Sequence[int]) -> int:
    digest = hashlib.sha256(json.dumps([seed, *ids]).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def _end_ids(checkpoint: Checkpoint) -> tuple[int, ...]:
    """Every id that ends a text: the tokenizer's and the checkpoint's own, of which there may be several."""
    own = getattr(checkpoint.model.generation_config, "eos_token_id", None)
    named = own if isinstance(own, list) else [own]
    return tuple(sorted({int(token) for token in (*named, checkpoint.tokenizer.eos_token_id) if token is not None}))
