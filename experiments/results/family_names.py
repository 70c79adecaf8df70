"""What is a family called beside others? By its own name, with its kind before it where two kinds have one of that name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar


class _OfKind(Protocol):
    @property
    def kind(self) -> str: ...


Result = TypeVar("Result", bound=_OfKind)


def with_kind(kind: str, family: str) -> str:
    """`control capital`."""
    return f"{kind} {family}"


def called(kind: str, family: str, own: Sequence[str]) -> str:
    """What a family is called among families of the names `own`, its own included."""
    return family if own.count(family) == 1 else with_kind(kind, family)


def result_of(results: Mapping[str, Result], kind: str, family: str) -> Result | None:
    """A family's result among those that stand under what `called` gave; None where it has none.

    Of two families of one name only one may have been asked, or intervened on: then it needs no kind before it.
    """
    found = (results.get(name) for name in (family, with_kind(kind, family)))
    return next((one for one in found if one is not None and one.kind == kind), None)
