"""Is one checkpoint the base of another, what else could be, and what differs between the two?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from strata.dashboards.number_formats import relative_text
from strata.dashboards.sentences.tokenizer_difference import SAME_TOKENIZER, tokenizer_differences
from strata.experiments.model_pair_check import NamedPair
from strata.probes.weights.lineage import PairCheck
from strata.probes.weights.weight_change import WeightChange

KNOWN_HEADS = ("trained", "from (the base)", "how", "sureness")
CANDIDATES = "candidates for the base of B"
CANDIDATE_HEADS = ("candidate", "distance", "nearest in")
BY_BLOCK = "‖B − A‖ / ‖A‖ by block and matrix"


def known_title(n: int) -> str:
    """Of the table of known pairs."""
    return f"{n} known pairs"


def known_lines(row: NamedPair) -> Iterator[str]:
    """What stands beneath that table of one of them."""
    yield f"{row.name or row.distilled}: {row.stated}"
    if row.mistaken:
        yield f"  not to be mistaken for the base: {', '.join(row.mistaken)}"
    if row.note:
        yield f"  {row.note}"


def verdict_lines(check: PairCheck) -> Iterator[str]:
    """Verdict and reasons."""
    yield f"A = {check.base}, B = {check.distilled}"
    yield f"verdict: {check.verdict}{' (by name only)' if check.judged_by == 'names' else ''}"
    for reason in check.reasons:
        yield f"  {reason}"
    if check.hint:
        yield f"  try as the base: {check.hint}"


def candidate_rows(check: PairCheck) -> list[tuple[str, ...]]:
    """Under `CANDIDATE_HEADS`."""
    return [
        (candidate.spec, relative_text(candidate.distance), f"{candidate.nearest_in:.0%}")
        for candidate in check.candidates
    ]


def by_block(changes: Sequence[WeightChange]) -> tuple[list[str], list[tuple[str, ...]]]:
    """Heads and rows: the relative change of every matrix, a row a block."""
    columns = list(dict.fromkeys(change.matrix for change in changes if change.block is not None))
    values = {(change.block, change.matrix): change.relative_norm for change in changes}
    rows = [
        (str(block), *(relative_text(values.get((block, matrix))) for matrix in columns))
        for block in dict.fromkeys(change.block for change in changes if change.block is not None)
    ]
    return ["block", *columns], rows


def elsewhere_lines(changes: Sequence[WeightChange]) -> Iterator[str]:
    """Of the matrices that lie in no block."""
    for change in changes:
        if change.block is None:
            yield f"{change.matrix}: relative norm {relative_text(change.relative_norm)}, cosine {relative_text(change.cosine)}"


def between_lines(check: PairCheck) -> Iterator[str]:
    """What else differs."""
    for difference in check.architecture:
        yield f"{difference.what}: {difference.a} in A, {difference.b} in B"
    if check.tokenizer:
        yield from tokenizer_differences(check.tokenizer) or [SAME_TOKENIZER]
