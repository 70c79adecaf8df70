"""Which of the names that there are was meant by one that isn't among them?"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from strata.experiments.items.importing.json_table import some_of
from strata.probes.errors import StrataError

_COMPARED = 2_000
"""Names that are looked through for the one that was meant."""


def unknown(what: str, given: str, known: Sequence[str]) -> StrataError:
    """The error for a name that isn't among `known`, with the nearest that is."""
    near = get_close_matches(given, known[:_COMPARED], n=1, cutoff=0.5)
    return StrataError(what, f"Perhaps {near[0]!r} is meant" if near else f"There is: {some_of(known)}")
