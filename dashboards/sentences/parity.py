"""Do the libraries that run a model agree on it, and which of them can't be compared?"""

from __future__ import annotations

from collections.abc import Iterator

from strata.dashboards.sentences.whole_forward import no_restart
from strata.probes.verification.parity import Parity

HEADS = ("backend", "padding", "quantity", "largest difference", "relative", "tolerance", "")
NUMBERS = range(3, 6)
"""Which of the columns hold numbers."""


def parity_head(parity: Parity) -> str:
    """Above the table."""
    lengths = ", ".join(map(str, parity.lengths))
    return f"rows of {lengths} tokens, {parity.dtype}; each compared with the plain model run row by row"


def parity_rows(parity: Parity) -> Iterator[tuple[str, ...]]:
    """Under `HEADS`."""
    for comparison in parity.comparisons:
        yield (
            comparison.backend,
            comparison.padding,
            comparison.quantity,
            f"{comparison.max_absolute:.1e}",
            f"{comparison.max_relative:.1e}",
            f"{comparison.tolerance:.1e}",
            "ok" if comparison.ok else "DIFFERS",
        )


def parity_verdict(parity: Parity) -> Iterator[str]:
    """Beneath the table."""
    for backend, reason in unavailable_words(parity).items():
        yield f"{backend} can't be compared on this model: {reason}"
    worst = [comparison for comparison in parity.comparisons if not comparison.ok]
    yield (
        "all that could be compared agree"
        if parity.ok
        else f"{len(worst)} of {len(parity.comparisons)} comparisons differ"
    )


def unavailable_words(parity: Parity) -> dict[str, str]:
    """Backend: why it can't be compared."""
    return {name: why if isinstance(why, str) else no_restart(why) for name, why in parity.unavailable.items()}
