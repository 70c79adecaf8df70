"""Is A the base that B was trained from? Decided by weights, told apart by candidates, cross-checked by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from statistics import median
from typing import Literal

from strata.probes.checkpoints.architecture_difference import ArchitectureDifference, architecture_differences
from strata.probes.checkpoints.known_model_pairs import KnownPair, known_pair, registered_names
from strata.probes.checkpoints.peft_adapter import SHIPPED, named_base
from strata.probes.checkpoints.spec import parse_spec
from strata.probes.checkpoints.tokenizer_difference import TokenizerDifference, tokenizer_difference
from strata.probes.checkpoints.trusted_tokenizer import stated_tokenizer
from strata.probes.errors import NotFetchedError, StrataError
from strata.probes.progress import Progress, silent
from strata.probes.weights.tensor_source import TensorSource, open_tensors
from strata.probes.weights.weight_change import TensorChange, compare_weights


class Verdict(StrEnum):
    """Whether A is what B was trained from."""

    BASE = "base"
    SAME_WEIGHTS = "same weights"
    NOT_THE_BASE = "not the base"
    UNCLEAR = "unclear"


CLOSE = 0.98
UNRELATED = 0.3
_MOST = 0.9
Comparison = Callable[[TensorSource, TensorSource, Progress], Iterable[TensorChange]]
"""Compares every tensor of A with B's; the default is `compare_weights` without spectra."""


@dataclass(frozen=True)
class Closeness:
    """How near the matrices inside the blocks are; vectors and embeddings are excluded, they can't tell."""

    matrices: int
    """Compared matrices inside the blocks."""
    median_cosine: float
    """Over them."""
    lowest_cosine: float
    """Of the matrix that differs most."""
    lowest: str
    """Its name."""
    close: float
    """Share of them with a cosine of at least 0.98."""
    identical: float
    """Share of them that are equal number by number."""
    distance: float | None
    """‖B − A‖ / ‖A‖ over every tensor that both have, embeddings included."""


@dataclass(frozen=True)
class Candidate:
    spec: str
    """As the person wrote it."""
    distance: float | None
    """‖B − candidate‖ / ‖candidate‖ over every tensor that both have; None when no tensor fits."""
    nearest_in: float
    """Share of the matrices in which no other candidate is nearer."""


@dataclass(frozen=True)
class PairCheck:
    base: str
    """A, as the person wrote it."""
    distilled: str
    """B, as the person wrote it."""
    verdict: Verdict
    judged_by: Literal["weights", "names"]
    """`names`: the weights were not there or not asked for; the registry alone was."""
    reasons: tuple[str, ...]
    """Sentences that led to the verdict, the deciding ones first."""
    hint: str | None
    """A checkpoint that is the base rather than A, where one is known or nearer."""
    registry: KnownPair | None
    """What the registry says of B."""
    closeness: Closeness | None
    """None when no matrix could be compared."""
    candidates: tuple[Candidate, ...]
    """A and the other candidates, nearest first; empty when there were none."""
    architecture: tuple[ArchitectureDifference, ...]
    """What the configurations say differently."""
    tokenizer: TokenizerDifference | None
    """None when names alone were judged."""
    tensors: tuple[TensorChange, ...]
    """Every tensor of A and B."""
    unfetched: bool = False
    """Names alone were judged because a download failed: another try may have the weights."""

    @property
    def same_weights(self) -> bool:
        """Every tensor is equal."""
        return self.verdict == Verdict.SAME_WEIGHTS

    @property
    def ok(self) -> bool:
        """A may be compared with B as its base."""
        return self.verdict in (Verdict.BASE, Verdict.SAME_WEIGHTS)


def verify_pair(
    base: str,
    distilled: str,
    *,
    candidates: Sequence[str] = (),
    weights: bool = True,
    comparison: Comparison | None = None,
    progress: Progress = silent,
) -> PairCheck:
    """Decides whether CHECKPOINT `base` is what CHECKPOINT `distilled` was trained from.

    The matrices inside the blocks decide, by their cosine. Thresholds, measured on the embedded 135M model and argued:

    - Unrelated matrices of one shape: |cosine| at most 0.03 (rows of one matrix shuffled, which keeps everything but
      the order). Norm weights of unrelated models reach 0.985 and embeddings 0.45, for their common direction, so
      neither decides. `not the base`: median below 0.3.
    - The same weights in two 4-bit roundings: 0.994 or more, relative norm 0.11. Supervised fine-tuning moves weights
      by less than 0.002 each (arXiv 2311.03099), a tenth of their usual spread. `base`: at least nine tenths of the
      matrices at 0.98 or more (relative norm 0.2), or at least half of them equal number by number, which does not
      happen by chance.
    - In between, `unclear`: a sibling that was pre-trained further, or a very long training.
    - `same weights`: every tensor equal, after rounding to the coarser of the two precisions.

    A cosine near 1 can't tell the base from a near sibling (a base and its instruction-tuned version), and it can't
    tell which of the two came first. For the first give `candidates`: changes in unrelated directions add up, so the
    true base is nearest in all matrices; a candidate that is nearest in nine tenths of them turns the verdict to `not
    the base`. For both the registry is asked by name: it can turn `base` into `unclear` and `unclear` into `not the
    base`, never the other way. Another depth, width or architecture is `not the base`.

    When a hub checkpoint can't be had, or without `weights`, the registry alone decides, if it knows B.
    `comparison` is how two checkpoints are compared, for callers that keep what was compared before. Raises
    StrataError for bad input.
    """
    name_a, name_b = registry_name(base), registry_name(distilled)
    entry = known_pair(name_b) if name_b else None
    if not weights:
        return _by_name(base, distilled, name_a, name_b, entry, "the weights were not asked for")
    try:
        a, b = open_tensors(base, progress), open_tensors(distilled, progress)
    except StrataError as error:
        from_hub = any(parse_spec(spec).source == "hub" for spec in (base, distilled))
        if not from_hub or not name_a or not (entry or known_pair(name_a)):
            raise
        return _by_name(
            base,
            distilled,
            name_a,
            name_b,
            entry,
            f"the weights are not here: {error.what}",
            unfetched=isinstance(error, NotFetchedError),
        )
    # All that can be refused is looked at before the long reading begins.
    others = {spec: open_tensors(spec, progress) for spec in dict.fromkeys(candidates) if spec != base}
    architecture = architecture_differences(a.directory, b.directory)
    tokenizer = tokenizer_difference(*(stated_tokenizer(source.directory) for source in (a, b)))
    compare = comparison or _compare
    tensors = tuple(compare(a, b, progress))
    closeness = closeness_of(tensors)
    verdict, reasons = _by_weights(tensors, closeness, [difference for difference in architecture if difference.shape])
    ranking = _ranked({base: tensors} | {spec: tuple(compare(other, b, progress)) for spec, other in others.items()})
    verdict, ranked, hint = _by_candidates(verdict, base, ranking)
    verdict, named, known_hint = _by_registry(verdict, name_a, name_b, entry)
    verdict, foreign = _by_adapters(verdict, base, distilled)
    if tokenizer.moved:
        reasons.append(f"{tokenizer.moved:,} tokens have another id: embedding rows are compared by id, not by token")
    return PairCheck(
        base, distilled, verdict, "weights", tuple(ranked + named + foreign + reasons), hint or known_hint, entry, closeness,
        ranking, architecture, tokenizer, tensors,
    )  # fmt: skip


def _compare(a: TensorSource, b: TensorSource, progress: Progress) -> Iterable[TensorChange]:
    return compare_weights(a, b, spectrum=False, progress=progress)


def closeness_of(changes: Iterable[TensorChange]) -> Closeness | None:
    """Sums up `compare_weights`; None when no matrix inside a block could be compared."""
    changes = [change for change in changes if change.moments is not None]
    inside = [(c.cosine or 0.0, c) for c in changes if c.block is not None and c.is_matrix]
    if not inside:
        return None
    lowest, worst = min(inside, key=lambda pair: pair[0])
    return Closeness(
        matrices=len(inside),
        median_cosine=median(cosine for cosine, _ in inside),
        lowest_cosine=lowest,
        lowest=worst.name,
        close=sum(cosine >= CLOSE for cosine, _ in inside) / len(inside),
        identical=sum(change.identical for _, change in inside) / len(inside),
        distance=_distance(changes),
    )


def hub_id_of(spec: str) -> str | None:
    """The hub id of a CHECKPOINT: as written, from the hub's cache path, or a registered one that a directory is named after.

    None for anything with an adapter, which is another checkpoint than its base.
    """
    parsed = parse_spec(spec)
    if parsed.adapters or parsed.source in ("embedded", "gguf"):
        return None
    if parsed.source == "hub":
        return parsed.base
    parts = Path(parsed.base).resolve().parts
    cached = next((part for part in parts if part.startswith("models--")), None)
    if cached:
        return cached.removeprefix("models--").replace("--", "/", 1)
    return next((name for name in registered_names() if name.partition("/")[2].lower() == parts[-1].lower()), None)


def registry_name(spec: str) -> str | None:
    """What the registry calls a CHECKPOINT: its hub id, or the embedded model, alone or with a shipped adapter."""
    parsed = parse_spec(spec)
    if parsed.source == "embedded" and set(parsed.adapters) <= set(SHIPPED):
        return "+".join([parsed.base, *parsed.adapters])
    return hub_id_of(spec)


def _by_weights(
    tensors: Sequence[TensorChange], closeness: Closeness | None, shapes: Sequence[ArchitectureDifference]
) -> tuple[Verdict, list[str]]:
    reasons = [f"{difference.what}: {difference.a} in A, {difference.b} in B" for difference in shapes]
    if closeness is None:
        return Verdict.NOT_THE_BASE, [*reasons, "no matrix of the blocks has the same shape in both"]
    numbers = (
        f"cosine of the {closeness.matrices} matrices in the blocks: median {closeness.median_cosine:.4f}, lowest "
        f"{closeness.lowest_cosine:.4f} ({closeness.lowest})"
    )
    if shapes:
        kin = "; what they share is close all the same" if closeness.median_cosine >= CLOSE else ""
        return Verdict.NOT_THE_BASE, [*reasons, numbers + kin]
    missing = [change.name for change in tensors if change.moments is None]
    if not missing and all(change.identical for change in tensors):
        rows = next((change.shared_rows for change in tensors if change.shared_rows), None)
        cut = f" in the {rows:,} vocabulary rows that both have" if rows else ""
        return Verdict.SAME_WEIGHTS, [f"every tensor is equal number by number{cut}, up to the precision of storage"]
    if missing:
        reasons.append(f"{len(missing)} tensors have no counterpart of the same shape, among them {missing[0]}")
    if closeness.close >= _MOST:
        return Verdict.BASE, [f"{numbers}: as near as further training leaves them", *reasons]
    if closeness.identical >= 0.5:
        return Verdict.BASE, [
            f"{closeness.identical:.0%} of the matrices are equal number by number",
            numbers,
            *reasons,
        ]
    if closeness.median_cosine < UNRELATED:
        return Verdict.NOT_THE_BASE, [f"{numbers}: as far apart as independently initialised models", *reasons]
    return Verdict.UNCLEAR, [f"{numbers}: between a fine-tuned model (0.98 and more) and an unrelated one", *reasons]


def _ranked(by_spec: Mapping[str, Sequence[TensorChange]]) -> tuple[Candidate, ...]:
    if len(by_spec) < 2:
        return ()
    shares = {spec: _shares(changes) for spec, changes in by_spec.items()}
    names = sorted({name for values in shares.values() for name in values})
    nearest = {name: min(values.get(name, math.inf) for values in shares.values()) for name in names}
    ranking = [
        Candidate(
            spec,
            _distance(changes),
            sum(shares[spec].get(name, math.inf) == nearest[name] for name in names) / max(1, len(names)),
        )
        for spec, changes in by_spec.items()
    ]
    return tuple(
        sorted(
            ranking,
            key=lambda candidate: (
                -candidate.nearest_in,
                math.inf if candidate.distance is None else candidate.distance,
            ),
        )
    )


def _shares(changes: Sequence[TensorChange]) -> dict[str, float]:
    """‖B − candidate‖² / ‖B‖² by matrix: over B's norm, which is the same for all, so that a large one gains nothing."""
    return {
        c.name: c.moments.square_change / c.moments.square_b
        for c in changes
        if c.is_matrix and c.moments and c.moments.square_b
    }


def _distance(changes: Iterable[TensorChange]) -> float | None:
    moments = [change.moments for change in changes if change.moments is not None]
    square = sum(moment.square_a for moment in moments)
    return math.sqrt(sum(moment.square_change for moment in moments) / square) if square else None


def _by_candidates(verdict: Verdict, base: str, ranking: Sequence[Candidate]) -> tuple[Verdict, list[str], str | None]:
    if not ranking or verdict == Verdict.SAME_WEIGHTS:
        return verdict, [], None
    best = ranking[0]
    if best.nearest_in < _MOST:
        return verdict, ["no candidate is nearest in nine tenths of the matrices"], None
    if best.spec == base:
        return verdict, [f"of {len(ranking)} candidates A is nearest in {best.nearest_in:.0%} of the matrices"], None
    return (
        Verdict.NOT_THE_BASE,
        [f"{best.spec} is nearer to B than A in {best.nearest_in:.0%} of the matrices"],
        best.spec,
    )


def _by_registry(
    verdict: Verdict, name_a: str | None, name_b: str | None, entry: KnownPair | None
) -> tuple[Verdict, list[str], str | None]:
    """The verdict after asking the registry by name, what it says, and the right base."""
    backwards = known_pair(name_a) if name_a else None
    if backwards and name_b and backwards.base.lower() == name_b.lower():
        reason = f"the two are the wrong way round: {name_a} was trained from {name_b} ({backwards.stated})"
        return Verdict.NOT_THE_BASE, [reason], None
    if entry is None or name_a is None:
        return verdict, [], None
    if entry.base.lower() == name_a.lower():
        return verdict, [f"the registry agrees: {entry.stated}, {entry.sureness}"], None
    if entry.sureness != "ambiguous":
        reason = (
            f"{entry.distilled} was trained from {entry.base}, not from {name_a} ({entry.stated}, {entry.sureness})"
        )
        turned = {Verdict.BASE: Verdict.UNCLEAR, Verdict.UNCLEAR: Verdict.NOT_THE_BASE}
        return turned.get(verdict, verdict), [reason], entry.base
    reason = f"{entry.distilled} was probably trained from {entry.base} ({entry.stated}), but {entry.note}"
    return verdict, [reason], entry.base


def _by_adapters(verdict: Verdict, base: str, distilled: str) -> tuple[Verdict, list[str]]:
    """The verdict after reading which base every adapter of A and of B names, where the registry knows both names."""
    known = {name.lower() for name in registered_names()}
    reasons: dict[str, None] = {}
    for parsed in (parse_spec(base), parse_spec(distilled)):
        under = registry_name(parsed.base) if parsed.adapters else None
        if under is None:
            continue
        for adapter in parsed.adapters:
            named = named_base(adapter)
            if named is not None and named.lower() in known - {under.lower()}:
                reasons[f"the adapter {adapter} names {named} as its base, and is added to {under} here"] = None
    return (Verdict.UNCLEAR if reasons and verdict == Verdict.BASE else verdict), list(reasons)


def _by_name(
    base: str,
    distilled: str,
    name_a: str | None,
    name_b: str | None,
    entry: KnownPair | None,
    why: str,
    *,
    unfetched: bool = False,
) -> PairCheck:
    agreed = bool(entry and name_a and entry.base.lower() == name_a.lower())
    sure = bool(entry and entry.sureness != "ambiguous")
    verdict, reasons, hint = _by_registry(Verdict.BASE if agreed and sure else Verdict.UNCLEAR, name_a, name_b, entry)
    if not reasons:
        reasons = [f"the registry does not know what {distilled} was trained from"]
    return PairCheck(
        base,
        distilled,
        verdict,
        "names",
        (*reasons, f"judged by name only: {why}"),
        hint,
        entry,
        None,
        (),
        (),
        None,
        (),
        unfetched,
    )
