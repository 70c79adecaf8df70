"""What would the model answer if it stopped at each layer? Texts read through the logit lens and the tuned lens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor

from strata.probes.arguments.whole_numbers import whole_number
from strata.probes.capture.request import Positions, request_of, run_request
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.open_model import Model, checkpoint_of
from strata.probes.checkpoints.torch_settings import undisturbed
from strata.probes.errors import StrataError
from strata.probes.lens.fitted import FittedTunedLens
from strata.probes.lens.fitted import tuned_lens as fit_or_read
from strata.probes.lens.lenses import LOGIT_LENS, Lens
from strata.probes.lens.logit import NO_TOKEN, LensReading, read_lens
from strata.probes.lens.tuned import Tuning
from strata.probes.progress import Progress, silent
from strata.probes.prompts.alignment import encode_items
from strata.probes.prompts.prompt import Prompt
from strata.probes.prompts.texts import LAST, Text, prompts_of
from strata.probes.public_api.lens_result import LensResult
from strata.probes.public_api.questions import Asked, texts_asked


@undisturbed()
def logit_lens(
    model: Model,
    texts: Any,
    answers: str | Sequence[str] | None = None,
    foils: str | Sequence[str] | None = None,
    *,
    positions: Positions = (LAST,),
    top_k: int = 5,
    batch_tokens: int | None = None,
    progress: Progress = silent,
) -> LensResult:
    """Every stream read as if it were the last one: through the model's own final norm and unembedding.

    `texts`: a text, several, or items, whose own answers and foils count where none are given. Lengths may differ. Scored
    is the first token in which an answer differs from its foil, without a foil the first that is more than a space;
    what both begin with is fed behind the text, so that `last` is where the scored token is predicted
    (`result.answers` says which token that is). Rank 0 is the likeliest token of the whole vocabulary.
    `positions`: `last`, names of spans, indices into the token ids (negative: from the end), or `"all"` for every token.

    Raises StrataError for bad input and where no text can be used, NotSupportedError for a model that isn't read rightly.

    >>> import strata
    >>> result = strata.logit_lens("smollm2", ["The capital of France is", "The opposite of hot is"], [" Paris", " cold"])
    >>> result
    LensResult(logit lens: 2 texts at last, 31 streams)
    >>> result.answers, result.ranks[:, -1, 0].tolist(), result.top_tokens(1)[-1][0]
    ((' Paris', ' cold'), [0, 0], ' cold')
    """
    (result,) = _read(
        checkpoint_of(model), texts, answers, foils, positions, top_k, [LOGIT_LENS], batch_tokens, progress
    )
    return result


@undisturbed()
def tuned_lens(  # thirteen parameters: a call of the public interface, each with a default that suits most
    model: Model,
    texts: Any,
    answers: str | Sequence[str] | None = None,
    foils: str | Sequence[str] | None = None,
    *,
    lens: FittedTunedLens | str | Path | None = None,
    fit_on: Sequence[str] | Path | None = None,
    n_tokens: int = Tuning.n_tokens,
    steps: int = Tuning.steps,
    positions: Positions = (LAST,),
    top_k: int = 5,
    seed: int = 0,
    batch_tokens: int | None = None,
    progress: Progress = silent,
) -> LensResult:
    """Every stream read after a trained affine translation into the last stream's basis (2303.08112).

    Texts, answers, foils, positions and errors as for `logit_lens`. `result.baseline` reads the same through the lens's bias
    alone: what can be said without the stream, and the line that a curve has to rise above.
    `lens`: a fitted lens, or the file that `result.fitted.save(path)` wrote; it is refused for a model with another final
    norm or unembedding. Without one it is fitted on the first `n_tokens` tokens of `fit_on` (texts, or the path of a text
    file; default: text sampled from the model itself by `seed`) by a closed form and `steps` of Adam behind it, which takes
    minutes, and kept in the cache directory: the second call with the same model, text and settings reads it.

    >>> import strata
    >>> text = ["The cat sat on the mat, and the dog lay down by the door. " * 40]
    >>> result = strata.tuned_lens("smollm2", "The capital of France is", " Paris", fit_on=text, n_tokens=256, steps=1)
    >>> result
    LensResult(tuned lens: 1 texts at last, 31 streams)
    >>> result.baseline.log_probs[0, :30, 0].unique().numel()  # the bias says the same at every stream below the last
    1
    """
    checkpoint = checkpoint_of(model)
    if lens is not None and fit_on is not None:
        raise StrataError("Both lens and fit_on were given", "Give a fitted lens, or texts to fit one on")
    if isinstance(fit_on, str):
        raise StrataError("fit_on is a single text", "Give a list of texts, or Path(...) of a text file")
    if isinstance(lens, str | Path):
        lens = FittedTunedLens.load(lens)
    if lens is None:
        tuning = replace(Tuning(), n_tokens=n_tokens, steps=steps, seed=seed)
        lens = fit_or_read(checkpoint, tuning, text=fit_on, progress=progress)
    lens.require_readout_of(checkpoint)
    lenses: list[Lens] = [lens.fit.tuned, lens.fit.bias]
    tuned, bias = _read(checkpoint, texts, answers, foils, positions, top_k, lenses, batch_tokens, progress)
    return replace(tuned, baseline=bias, fitted=lens)


def _read(  # nine parameters: those that the calls above have in common
    checkpoint: Checkpoint,
    texts: Any,
    answers: str | Sequence[str] | None,
    foils: str | Sequence[str] | None,
    positions: Positions,
    top_k: int,
    lenses: Sequence[Lens],
    batch_tokens: int | None,
    progress: Progress,
) -> list[LensResult]:
    """One result a lens, all from one pass over the texts; what was captured of a batch is read at once and let go."""
    top_k = whole_number("top_k", top_k, 1, checkpoint.vocab_size)
    asked, excluded = _scored(texts_asked(texts, answers, foils), checkpoint)
    rows = tuple(Text(text.question.id, text.question.prompt, text.question.spans) for text in asked)
    request = request_of(checkpoint, rows, None, positions, None, [text.prompt for text in asked])
    tokens = torch.tensor([[text.answer_id, text.foil_id] for text in asked])
    readings = [_Readings(len(asked), checkpoint.n_layers + 1, len(request.positions), top_k) for _ in lenses]
    for batch in run_request(checkpoint, request, range(len(asked)), batch_tokens=batch_tokens, progress=progress):
        members = list(batch.rows)
        targets = {"answer": tokens[members, 0], "foil": tokens[members, 1]}
        for lens, kept in zip(lenses, readings, strict=True):
            reading = read_lens(
                checkpoint.readout, batch.values, targets, lens=lens, ranked=("answer",), top_k=top_k, kl_to_final=True
            )
            kept.put(members, reading, batch.present)
    token_texts = [
        tuple(None if token == NO_TOKEN else checkpoint.token_text(token) for token in column)
        for column in tokens.T.tolist()
    ]
    where = request.where.tolist()
    read = tuple(
        tuple(None if index < 0 else checkpoint.token_text(prompt.ids[index]) for index in indices)
        for prompt, indices in zip(request.prompts, where, strict=True)
    )
    return [
        LensResult(
            lens=lens.name,
            texts=tuple(row.id for row in rows),
            positions=request.positions,
            tokens=read,
            answers=token_texts[0],
            foils=token_texts[1],
            fed=tuple(text.fed for text in asked),
            present=request.where >= 0,
            vocabulary={
                token: checkpoint.token_text(token) for token in {*kept.top_ids.flatten().tolist()} if token >= 0
            },
            excluded=excluded,
            **vars(kept),
        )
        for lens, kept in zip(lenses, readings, strict=True)
    ]


class _Readings:
    """The tensors of a result, filled batch by batch."""

    def __init__(self, n_items: int, n_streams: int, n_positions: int, top_k: int) -> None:
        shape = (n_items, n_streams, n_positions)
        self.log_probs, self.logit_differences, self.entropy, self.kl_to_final = torch.full((4, *shape), torch.nan)
        self.ranks = torch.full(shape, NO_TOKEN)
        self.top_ids = torch.full((*shape, top_k), NO_TOKEN)
        self.top_log_probs = torch.full((*shape, top_k), torch.nan)

    def put(self, rows: Sequence[int], reading: LensReading, present: Bool[Tensor, "item position"]) -> None:
        there = present.cpu()[:, None, :]
        for kept, values in (
            (self.log_probs, reading.log_prob("answer")),
            (self.logit_differences, reading.logit_difference()),
            (self.entropy, reading.entropy),
            (self.kl_to_final, reading.kl_to_final),
            (self.ranks, reading.rank("answer")),
            (self.top_ids, reading.top_ids),
            (self.top_log_probs, reading.top_log_probs),
        ):
            assert values is not None
            nothing = torch.nan if kept.is_floating_point() else NO_TOKEN
            mask = there if values.ndim == 3 else there[..., None]
            kept[rows, :, : values.shape[2]] = values.to(kept.dtype).masked_fill(~mask, nothing)


@dataclass(frozen=True)
class _Scored:
    question: Asked
    prompt: Prompt
    """The text, and behind it what answer and foil begin alike with."""
    answer_id: int
    foil_id: int
    fed: str


def _scored(asked: Sequence[Asked], checkpoint: Checkpoint) -> tuple[list[_Scored], dict[str, str]]:
    """What is read of every text in the order given, and why the others can't be. Raises StrataError where none can."""
    encoded, refused = encode_items(
        [question for question in asked if question.answer], checkpoint, checkpoint.max_context
    )
    excluded = {key: why.words for key, why in refused.items()}
    answered = {encoded_item.key: encoded_item for encoded_item in encoded}
    scored = []
    for question in asked:
        encoded_item = answered.get(question.id)
        if encoded_item is not None:
            fed = "".join(
                checkpoint.token_text(token) for token in encoded_item.answer_ids[: encoded_item.shared_prefix]
            )
            foil_id = NO_TOKEN if encoded_item.foil_id is None else encoded_item.foil_id
            scored.append(_Scored(question, encoded_item.prompt, encoded_item.answer_id, foil_id, fed))
        elif not question.answer:
            (prompt,) = prompts_of(checkpoint, [Text(question.id, question.prompt, question.spans)])
            scored.append(_Scored(question, prompt, NO_TOKEN, NO_TOKEN, ""))
    if not scored:
        counted = "; ".join(f"{count} × {reason}" for reason, count in Counter(excluded.values()).most_common())
        raise StrataError(f"None of the {len(asked)} texts can be read ({counted})", "Change prompts, answers or foils")
    return scored, excluded
