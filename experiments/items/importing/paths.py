"""What do `{question}`, `{answers[0]}` and `{meta.city}` in a mapping stand for?

A template is text with fields in braces; `{{` and `}}` are braces themselves. A field is a key, then further keys
behind dots and places in lists, counted from 0, as `[0]` or `.0`. A key that is written with dots or brackets itself
is taken before it is taken apart. A text that writes a list or an object, as JSON or Python does, is entered like one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from strata.experiments.items.importing.usable_values import written

_PIECE = re.compile(r"\{\{|\}\}|\{([^{}\n]*)\}|[{}]|[^{}]+")
_PLACE = re.compile(r"\[(\d{1,9})\]|(\d{1,9})(?=[.\[]|$)")


class TemplateError(ValueError):
    """A template with a brace that opens or closes nothing, or with nothing between two."""


class AbsentError(LookupError):
    """There is nothing at a path."""

    def __init__(self, there: tuple[str, ...], why: str = "") -> None:
        self.there, self.why = there, why
        """The keys that are there instead, or why there can't be any."""
        super().__init__(why or "no such key")


@dataclass(frozen=True)
class Field:
    """A place in a template that a field of the row fills."""

    path: str
    """Where in the row."""


Template = tuple[str | Field, ...]
"""Texts and fields in turn."""


@lru_cache(maxsize=1024)
def parse_template(text: str) -> Template:
    """The texts and fields of a template. Raises TemplateError."""
    parts: list[str | Field] = []
    for piece in _PIECE.finditer(text):
        whole, path = piece.group(), piece.group(1)
        if path is not None:
            if not path.strip():
                raise TemplateError("holds {} without a field between the braces")
            parts.append(Field(path.strip()))
        elif whole in ("{", "}"):
            raise TemplateError(f"holds a {whole} that {'opens' if whole == '{' else 'closes'} no field")
        else:
            parts.append(whole[0] if whole in ("{{", "}}") else whole)
    return tuple(parts)


def fields_of(template: Template) -> tuple[str, ...]:
    """The paths of a template's fields."""
    return tuple(part.path for part in template if isinstance(part, Field))


def look_up(value: Any, path: str) -> Any:
    """The value at `path` under `value`. Raises AbsentError."""
    inside = written(value) if isinstance(value, str) else value
    if isinstance(inside, Mapping):
        return _of_mapping(inside, path)
    if not isinstance(inside, list | tuple):
        raise AbsentError((), "what stands before it is no list or object")
    place = _PLACE.match(path)
    index = int(place.group(1) or place.group(2)) if place else len(inside)
    if place is None or index >= len(inside):
        raise AbsentError((), f"the list there has {len(inside)} entries, counted from 0")
    return _onward(inside[index], path[place.end() :])


def _of_mapping(mapping: Mapping[Any, Any], path: str) -> Any:
    keys = {str(key): key for key in mapping}
    cuts = [end for end in range(len(path), 0, -1) if end == len(path) or path[end] in ".["]
    absent = AbsentError(tuple(keys))
    for end in cuts:
        if path[:end] in keys:
            try:
                return _onward(mapping[keys[path[:end]]], path[end:])
            except AbsentError as deeper:
                absent = deeper
    place = re.match(r"\[(\d+)\]", path)
    if place is not None and place.group(1) in keys:
        return _onward(mapping[keys[place.group(1)]], path[place.end() :])
    raise absent


def _onward(value: Any, rest: str) -> Any:
    return look_up(value, rest.removeprefix(".")) if rest else value
