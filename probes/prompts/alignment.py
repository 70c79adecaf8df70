"""Which token of an item is scored, where do its positions lie, and does its pair line up token by token?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from strata.probes.checkpoints.checkpoint import NoEmbeddingError
from strata.probes.checkpoints.quiet_libraries import quietly
from strata.probes.errors import StrataError
from strata.probes.prompts.exclusion import Exclusion, Misaligned
from strata.probes.prompts.prompt import Prompt
from strata.probes.prompts.texts import Span, last_token_of

Ids = tuple[int, ...]

_SPACE_MARKERS = str.maketrans({"Ġ": " ", "▁": " "})
_UNKNOWN = frozenset({"<unk>", "[UNK]", "<|unk|>", "<UNK>"})
_CONTEXT_CHARACTERS = 16
"""How much of a prompt's end decides how a continuation is tokenised; more than any merge spans."""


class Question(Protocol):
    """What is asked of a model: the fields of an item that decide which tokens are fed and scored."""

    @property
    def id(self) -> str: ...
    @property
    def prompt(self) -> str: ...
    @property
    def answer(self) -> str: ...
    @property
    def foil_prompt(self) -> str:
        """Empty where there is no counterfactual prompt."""
        ...

    @property
    def foil(self) -> str:
        """Empty where there is none."""
        ...

    @property
    def choices(self) -> Sequence[str]: ...
    @property
    def spans(self) -> Mapping[str, Span]:
        """Half-open character ranges of `prompt` by name."""
        ...

    @property
    def foil_spans(self) -> Mapping[str, Span]:
        """The same names in `foil_prompt`."""
        ...


AnyQuestion = TypeVar("AnyQuestion", bound=Question)
Question_co = TypeVar("Question_co", bound=Question, covariant=True)


class Encoder(Protocol):
    """The part of a checkpoint that turns text into token ids."""

    def encode(self, text: str, /) -> Ids:
        """Token ids of `text`, with the checkpoint's BOS policy."""
        ...

    def encode_with_offsets(self, text: str, /) -> tuple[Ids, tuple[Span, ...]]:
        """The same ids, each with its half-open character interval; (0, 0) for tokens without text."""
        ...

    def token_text(self, token: int, /) -> str:
        """What one token reads as."""
        ...


class UnscorableError(StrataError):
    """An item that has no scored token under a tokenizer."""

    def __init__(self, item: str, why: Exclusion) -> None:
        super().__init__(f"Item {item!r} can't be scored: {why.words}", "Change its answer, foil or prompt")
        self.why = why


@dataclass(frozen=True)
class Encoded(Generic[Question_co]):
    """One item under one tokenizer."""

    item: Question_co
    """The item itself."""
    prompt: Prompt
    """Ids of the prompt and of the shared start of the answers; `last` predicts the scored token."""
    foil_prompt: Prompt | None
    """The same for the minimal pair; None when the item has none."""
    answer_id: int
    """The scored token of the answer: the first that differs from the foil's."""
    foil_id: int | None
    """The scored token of the foil; None when the item has none."""
    answer_ids: Ids
    """The whole answer, shared start included."""
    foil_ids: Ids
    """The whole foil, shared start included; empty when the item has none."""
    shared_prefix: int
    """Number of answer tokens that are fed before the scored one."""
    aligned: bool
    """Whether both prompts have the same length, the same span positions and the same answer tokens."""
    unaligned_reason: Misaligned | None
    """Why not; None when aligned."""
    choice_ids: Ids | None
    """Scored token of each choice after the same shared start; None when they collide or don't share it."""
    choices_ids: tuple[Ids, ...]
    """The whole continuation of each choice."""

    @property
    def key(self) -> str:
        return self.item.id


class _Continuations:
    """Token ids of a text after a prompt, remembered by the prompt's end: templates cost one lookup."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._known: dict[tuple[str, str], Ids] = {}
        self._blank: dict[int, bool] = {}
        self._start = encoder.encode("")

    def after(self, prompt: str, prompt_ids: Ids, text: str) -> Ids:
        key = (prompt[-_CONTEXT_CHARACTERS:], text)
        ids = self._known.get(key)
        if ids is None:
            ids = self._known[key] = self._measure(prompt, prompt_ids, text)
        return ids

    def _measure(self, prompt: str, prompt_ids: Ids, text: str) -> Ids:
        whole = self._encoder.encode(prompt + text)
        if whole[: len(prompt_ids)] == prompt_ids:
            return whole[len(prompt_ids) :]
        # The prompt's last token merges with the answer: tokenise the answer behind a neutral word, so
        # that tokenizers which put a space in front of every text don't put a second one here.
        for anchor in ("a", ":", "1"):
            before, both = self._encoder.encode(anchor), self._encoder.encode(anchor + text)
            if both[: len(before)] == before:
                return both[len(before) :]
        alone = self._encoder.encode(text)
        return alone[len(self._start) :] if alone[: len(self._start)] == self._start else alone

    def is_blank(self, id: int) -> bool:
        """Whether a token is only a leading space (or no text at all)."""
        known = self._blank.get(id)
        if known is None:
            known = not self._encoder.token_text(id).translate(_SPACE_MARKERS).strip(" ")
            self._blank[id] = known
        return known


def token_length(encoder: Encoder) -> Callable[[str], int]:
    """How many tokens a text has, also one that the model can't read: an item with it is excluded later, and counted."""

    def length(text: str) -> int:
        try:
            return len(encoder.encode(text))
        except NoEmbeddingError as error:
            return error.n_tokens

    return length


def encode_item(item: AnyQuestion, encoder: Encoder) -> Encoded[AnyQuestion]:
    """Token ids, scored tokens and positions of one item; UnscorableError when it has no scored token."""
    return _encode(item, encoder, _Continuations(encoder))


def encode_items(
    items: Iterable[AnyQuestion], encoder: Encoder, max_context: int | None = None
) -> tuple[list[Encoded[AnyQuestion]], dict[str, Exclusion]]:
    """Every item that can be scored, in order, and for the others the reason by item id.

    `max_context` is the longest prompt the model takes, in tokens (None: no limit).
    """
    return quietly(lambda: _encode_all(items, encoder, max_context))


def _encode_all(
    items: Iterable[AnyQuestion], encoder: Encoder, max_context: int | None
) -> tuple[list[Encoded[AnyQuestion]], dict[str, Exclusion]]:
    continuations = _Continuations(encoder)
    encoded: list[Encoded[AnyQuestion]] = []
    excluded: dict[str, Exclusion] = {}
    for item in items:
        try:
            encoded_item = _encode(item, encoder, continuations)
        except UnscorableError as error:
            excluded[item.id] = error.why
            continue
        longest = max(
            len(encoded_item.prompt.ids), len(encoded_item.foil_prompt.ids) if encoded_item.foil_prompt else 0
        )
        if max_context is not None and longest > max_context:
            excluded[item.id] = Exclusion("prompt-too-long")
            continue
        encoded.append(encoded_item)
    return encoded, excluded


def _encode(item: AnyQuestion, encoder: Encoder, continuations: _Continuations) -> Encoded[AnyQuestion]:
    try:
        return _aligned(item, encoder, continuations)
    except NoEmbeddingError as error:
        why = Exclusion("no-embedding", error.token, error.n_tokenizer, error.n_model)
        raise UnscorableError(item.id, why) from error


def _aligned(item: AnyQuestion, encoder: Encoder, continuations: _Continuations) -> Encoded[AnyQuestion]:
    ids, offsets = encoder.encode_with_offsets(item.prompt)
    if not ids:
        raise UnscorableError(item.id, Exclusion("prompt-empty"))
    answer = continuations.after(item.prompt, ids, item.answer)
    foil = continuations.after(item.prompt, ids, item.foil) if item.foil else ()
    shared = _first_difference(item, answer, foil, continuations)
    if encoder.token_text(answer[shared]) in _UNKNOWN:
        raise UnscorableError(item.id, Exclusion("answer-unknown"))
    choices = tuple(continuations.after(item.prompt, ids, choice) for choice in item.choices)

    prompt, missing = _with_positions(item.id, ids, offsets, item.spans, answer[:shared])
    partner: Prompt | None = None
    reason: Misaligned | None = None
    if item.foil_prompt:
        foil_ids, foil_offsets = encoder.encode_with_offsets(item.foil_prompt)
        partner, foil_missing = _with_positions(item.id, foil_ids, foil_offsets, item.foil_spans, answer[:shared])
        same_answers = (
            continuations.after(item.foil_prompt, foil_ids, item.answer) == answer
            and continuations.after(item.foil_prompt, foil_ids, item.foil) == foil
        )
        reason = _misalignment(prompt, partner, missing or foil_missing, same_answers)
    else:
        reason = "no-pair"
    if not item.foil:
        reason = "no-foil"
    return Encoded(
        item=item,
        prompt=prompt,
        foil_prompt=partner,
        answer_id=answer[shared],
        foil_id=foil[shared] if foil else None,
        answer_ids=answer,
        foil_ids=foil,
        shared_prefix=shared,
        aligned=reason is None,
        unaligned_reason=reason,
        choice_ids=_scored_choices(choices, answer, shared),
        choices_ids=choices,
    )


def _first_difference(item: Question, answer: Ids, foil: Ids, continuations: _Continuations) -> int:
    """Index of the scored token; without a foil the first that is more than a leading space."""
    if not answer:
        raise UnscorableError(item.id, Exclusion("answer-empty"))
    if not item.foil:
        for index, id in enumerate(answer):
            if not continuations.is_blank(id):
                return index
        raise UnscorableError(item.id, Exclusion("answer-blank"))
    if not foil:
        raise UnscorableError(item.id, Exclusion("foil-empty"))
    if answer == foil:
        raise UnscorableError(item.id, Exclusion("foil-same"))
    for index, (answer_id, foil_id) in enumerate(zip(answer, foil, strict=False)):
        if answer_id == foil_id:
            continue
        if continuations.is_blank(answer_id) or continuations.is_blank(foil_id):
            raise UnscorableError(item.id, Exclusion("foil-differs-in-space"))
        return index
    raise UnscorableError(item.id, Exclusion("foil-begins-alike"))


def _with_positions(
    key: str, ids: Ids, offsets: Sequence[Span], spans: Mapping[str, Span], forced: Ids
) -> tuple[Prompt, bool]:
    """The prompt with its forced answer start and named positions, and whether a span fell on no token."""
    positions: dict[str, int] = {}
    missing = False
    for name, span in spans.items():
        token = last_token_of(span, offsets)
        if token is None:
            missing = True
        else:
            positions[name] = token
    positions["last"] = len(ids) + len(forced) - 1
    return Prompt(key=key, ids=ids + forced, positions=positions), missing


def _misalignment(prompt: Prompt, partner: Prompt, missing: bool, same_answers: bool) -> Misaligned | None:
    if len(prompt.ids) != len(partner.ids):
        return "lengths-differ"
    if missing:
        return "span-without-token"
    if prompt.positions != partner.positions:
        return "spans-differ"
    if not same_answers:
        return "answers-differ"
    return None


def _scored_choices(choices: Sequence[Ids], answer: Ids, shared: int) -> Ids | None:
    if not choices:
        return None
    if any(len(choice) <= shared or choice[:shared] != answer[:shared] for choice in choices):
        return None
    scored = tuple(choice[shared] for choice in choices)
    return scored if len(set(scored)) == len(scored) else None
