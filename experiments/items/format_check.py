"""Do the items line up under a tokenizer, and could their form alone tell one kind from another?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from strata.experiments.items.alignment import EncodedItem, Encoder, encode_items, token_length
from strata.experiments.items.format_classifier import FormatResult, format_accuracy
from strata.experiments.items.schema import KNOWLEDGE_AND_REASONING, Item, Kind
from strata.probes.prompts.exclusion import Exclusion

KNOWLEDGE_VERSUS_REASONING = "knowledge-reasoning"


@dataclass(frozen=True)
class FamilyFormat:
    """The form of one family's items under one tokenizer."""

    family: str
    """Family name."""
    kind: str
    """What answering takes."""
    n: int
    """Items asked for."""
    scored: int
    """Items that have a scored token."""
    aligned_share: float
    """Share of the scored items whose pair lines up token by token; 0 when none is scored."""
    shortest: int
    """Fewest prompt tokens."""
    median_length: float
    """Median of prompt tokens."""
    longest: int
    """Most prompt tokens."""
    answers: int
    """Distinct answers."""
    collisions: tuple[tuple[str, ...], ...]
    """Groups of different answers that are scored on the same token, so that the token can't tell them apart."""
    excluded: tuple[tuple[str, int], ...]
    """Why items have no scored token, with counts, most common first."""
    unaligned: tuple[tuple[str, int], ...]
    """Why scored items' pairs don't line up, with counts, most common first."""


@dataclass(frozen=True)
class ContrastFormat:
    """Whether form alone tells the two sides of a contrast apart."""

    contrast: str
    """Name of the contrast: K-C, R-R0, KR-K, …"""
    families: tuple[tuple[Kind, str], ...]
    """Kind and name of the families that take part."""
    result: FormatResult
    """What the format-only classifier reached."""


@dataclass(frozen=True)
class FormatReport:
    """The form of a set of items under one tokenizer."""

    families: tuple[FamilyFormat, ...]
    """One entry a family, in the items' order."""
    contrasts: tuple[ContrastFormat, ...]
    """One entry a matched contrast, split by pair of families."""
    kinds: FormatResult | None
    """The same classifier on knowledge against reasoning as a whole; None unless both kinds are there."""


def format_report(
    items: Iterable[Item], encoder: Encoder, max_context: int | None = None, *, seed: int = 0
) -> FormatReport:
    """Length, alignment and collisions of every family, and the format-only classifier on every matched contrast.

    A contrast consists of items that share `extra["match"]` but differ in kind; `extra["contrast"]` names it.
    """
    asked = list(items)
    encoded, excluded = encode_items(asked, encoder, max_context)
    by_family: dict[tuple[str, str], list[Item]] = {}
    for item in asked:
        by_family.setdefault((item.family, item.kind), []).append(item)
    scored: dict[tuple[str, str], list[EncodedItem]] = {key: [] for key in by_family}
    for encoded_item in encoded:
        scored[encoded_item.item.family, encoded_item.item.kind].append(encoded_item)
    families = tuple(
        _family_format(family, kind, members, scored[family, kind], excluded)
        for (family, kind), members in by_family.items()
    )
    return FormatReport(families, contrasts_from_format(encoded, encoder, seed=seed), _kinds(encoded, encoder, seed))


def contrasts_from_format(
    encoded: Sequence[EncodedItem], encoder: Encoder, *, seed: int = 0
) -> tuple[ContrastFormat, ...]:
    """The format-only classifier on each matched contrast, one by one for each pair of families that are matched."""
    matched: dict[str, list[EncodedItem]] = {}
    for encoded_item in encoded:
        match = encoded_item.item.extra.get("match")
        if isinstance(match, str):
            matched.setdefault(match, []).append(encoded_item)
    contrasts: dict[tuple[str, tuple[tuple[Kind, str], ...]], list[EncodedItem]] = {}
    for members in matched.values():
        # One item a kind, so that an id which several templates share weighs no side more than the other.
        sides = {encoded_item.item.kind: encoded_item for encoded_item in members}
        if len(sides) < 2:
            continue
        pair = list(sides.values())
        families = tuple(sorted({(encoded_item.item.kind, encoded_item.item.family) for encoded_item in pair}))
        name = next(
            (
                str(encoded_item.item.extra["contrast"])
                for encoded_item in pair
                if "contrast" in encoded_item.item.extra
            ),
            "unnamed",
        )
        contrasts.setdefault((name, families), []).extend(pair)
    return tuple(
        ContrastFormat(
            name,
            families,
            format_accuracy(members, [encoded_item.item.kind for encoded_item in members], encoder, seed=seed),
        )
        for (name, families), members in sorted(contrasts.items())
        if len({encoded_item.item.cluster for encoded_item in members}) > 1
    )


def built_in_contrasts(
    encoder: Encoder, *, seed: int = 0, per_family: int = 60, max_context: int | None = None
) -> tuple[ContrastFormat, ...]:
    """The format-only classifier on the built-in controls and their partners, both sides made for the purpose."""
    from strata.experiments.items.control import matched_items

    pairs = matched_items(seed, per_family, token_length=token_length(encoder))
    encoded, _ = encode_items(pairs, encoder, max_context)
    return contrasts_from_format(encoded, encoder, seed=seed)


def kind_from_format(items: Iterable[Item], encoder: Encoder, *, seed: int = 0) -> FormatResult | None:
    """How well form alone tells knowledge from reasoning; to be shown beside anything that predicts the kind.

    None unless both kinds are among the items that can be scored.
    """
    encoded, _ = encode_items(items, encoder)
    return _kinds(encoded, encoder, seed)


def _kinds(encoded: Sequence[EncodedItem], encoder: Encoder, seed: int) -> FormatResult | None:
    both = [encoded_item for encoded_item in encoded if encoded_item.item.kind in KNOWLEDGE_AND_REASONING]
    labels = [encoded_item.item.kind for encoded_item in both]
    if len(set(labels)) < 2 or len({encoded_item.item.cluster for encoded_item in both}) < 2:
        return None
    return format_accuracy(both, labels, encoder, seed=seed)


def _family_format(
    family: str, kind: str, asked: Sequence[Item], scored: Sequence[EncodedItem], excluded: dict[str, Exclusion]
) -> FamilyFormat:
    lengths = [len(encoded_item.prompt.ids) for encoded_item in scored] or [0]
    answers_of: dict[tuple[int, ...], set[str]] = {}
    for encoded_item in scored:
        read = encoded_item.answer_ids[: encoded_item.shared_prefix + 1]
        answers_of.setdefault(read, set()).add(encoded_item.item.answer)
    return FamilyFormat(
        family=family,
        kind=kind,
        n=len(asked),
        scored=len(scored),
        aligned_share=sum(encoded_item.aligned for encoded_item in scored) / len(scored) if scored else 0.0,
        shortest=min(lengths),
        median_length=float(median(lengths)),
        longest=max(lengths),
        answers=len({item.answer for item in asked}),
        collisions=tuple(tuple(sorted(group)) for group in answers_of.values() if len(group) > 1),
        excluded=_counted(excluded[item.id].words for item in asked if item.id in excluded),
        unaligned=_counted(
            Exclusion(encoded_item.unaligned_reason).words for encoded_item in scored if encoded_item.unaligned_reason
        ),
    )


def _counted(reasons: Iterable[str]) -> tuple[tuple[str, int], ...]:
    return tuple(Counter(reasons).most_common())
