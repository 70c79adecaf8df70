"""How is a caveat named in a few words, where it only has to be seen? The sentence itself stands further down."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

_SHORT = {
    "quick": "quick run: wide intervals",
    "limited": "limited run: not all items",
    "self_test": "a self-test failed",
    "unanswered": "unanswered families",
    "contradiction": "probe and lens contradict each other",
    "format": "form alone tells kinds apart",
    "format_unchecked": "form wasn't checked",
    "pair": "base not shown to be its base",
    "control": "no control model",
    "seed": "one training seed",
    "incomparable": "not all was compared",
    "warning": "on items or measures",
}
_OTHER = "on items or measures"


def short_caveats(codes: Iterable[str]) -> list[tuple[str, str]]:
    """Every code once, in their order: the code, and what it is about; with how many there are where that is more than one."""
    found = Counter(codes)
    return [(code, _SHORT.get(code, _OTHER) + (f" ({n})" if n > 1 else "")) for code, n in found.items()]
