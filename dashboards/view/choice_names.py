"""What is a choice called? What the lists of a page are set to, as keys of figures and in links: built and read here alone.

Scripts of the pages do the same in `choices.js`.
"""

from __future__ import annotations

_BETWEEN = "|"
_KIND, _FAMILY, _ITEM = "kind:", "family:", "item:"


def choice(*parts: str | None) -> str:
    """Of several lists: `knowledge|patching|effect||last`; empty where there is no such list."""
    return _BETWEEN.join(part or "" for part in parts)


def parts_of(name: str) -> tuple[str, ...]:
    """What each list is set to."""
    return tuple(name.split(_BETWEEN))


def of_kind(kind: str) -> str:
    """All items of a kind together, where a list also has families and single items."""
    return f"{_KIND}{kind}"


def of_family(family: str) -> str:
    """One family, where a list also has kinds."""
    return f"{_FAMILY}{family}"


def of_item(item: str) -> str:
    """One item."""
    return f"{_ITEM}{item}"


def is_of_kind(part: str) -> bool:
    """Whether `of_kind` named it."""
    return part.startswith(_KIND)
