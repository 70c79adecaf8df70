"""How many rows were excluded, and why?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from strata.experiments.items.importing.usable_values import UnusableRowError


class LeftOut:
    """Counts rows by the reason for which they give no item."""

    def __init__(self) -> None:
        self._reasons: Counter[str] = Counter()
        self._hints: dict[str, str] = {}

    @contextmanager
    def counting(self) -> Iterator[None]:
        """A row that can't be used inside is counted, and the next one goes on."""
        try:
            yield
        except UnusableRowError as error:
            self._reasons[str(error)] += 1
            self._hints.setdefault(str(error), error.hint)

    @property
    def counts(self) -> Mapping[str, int]:
        """Reason, with what to write instead where that is known, to rows; the most frequent first."""
        return {
            f"{reason} ({hint})" if (hint := self._hints[reason]) else reason: count
            for reason, count in self._reasons.most_common()
        }

    def summary(self) -> str:
        """The three most frequent reasons, as the end of a sentence."""
        some = list(self.counts.items())[:3]
        return ": " + "; ".join(f"{reason}: {count}" for reason, count in some) if some else ""
