"""What may a field of an item hold? Types that pydantic checks when an item is read, each with its reason and remedy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field, JsonValue, SkipValidation, Strict

LONGEST_ID = 200
LONGEST_NAME = 200
"""Of a family or a domain: they head tables and maps."""
MOST_HOPS = 10_000
RESERVED_SPANS = ("last", "all")
"""Position names with a meaning of their own (the predicting token, every token)."""
IS_EMPTY, FILL_IN = "is empty", "Fill it in, or drop the line"
"""Of a text without a letter: what is wrong, and the remedy."""


class FieldRefused(ValueError):
    """A value breaks a rule; carries the reason and the remedy, and the field where the rule is about several."""

    def __init__(self, reason: str, remedy: str, field: str = "") -> None:
        self.reason, self.remedy, self.field = reason, remedy, field
        super().__init__(reason)


def _filled(text: str) -> str:
    if not text.strip():
        raise FieldRefused(IS_EMPTY, FILL_IN)
    return text


def _shown(name: str) -> str:
    if name != name.strip() or not name.isprintable() or len(name) > LONGEST_ID:
        raise FieldRefused(
            f"{name[:40]!r} can't be shown in a table",
            f"Use at most {LONGEST_ID} printable characters without blanks around them",
        )
    return name


def _distinct(choices: tuple[str, ...]) -> tuple[str, ...]:
    if any(not choice.strip() for choice in choices):
        raise FieldRefused("holds an empty text", "Drop it")
    if len(set(choices)) != len(choices):
        twice = next(choice for choice in choices if choices.count(choice) > 1)
        raise FieldRefused(f"holds {twice!r} twice", "Name every choice once")
    return choices


def _named(spans: Mapping[str, tuple[int, int]]) -> Mapping[str, tuple[int, int]]:
    for name in spans:
        if name in RESERVED_SPANS or not name.strip():
            raise FieldRefused(f"can't name a span {name!r}", f"Choose another name than {', '.join(RESERVED_SPANS)}")
    return spans


Text = Annotated[str, Strict()]
Filled = Annotated[Text, AfterValidator(_filled)]
Id = Annotated[Filled, AfterValidator(_shown)]
Name = Annotated[str, Field(strict=True, max_length=LONGEST_NAME), AfterValidator(_filled)]
Hops = Annotated[int, Field(strict=True, ge=0, le=MOST_HOPS)]
Choices = Annotated[tuple[Text, ...], AfterValidator(_distinct)]
Spans = Annotated[Mapping[Text, tuple[Annotated[int, Strict()], Annotated[int, Strict()]]], AfterValidator(_named)]
Extra = Annotated[Mapping[str, JsonValue], SkipValidation]
