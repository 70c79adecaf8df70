"""Which values of a table may stand in an item? Text, finite numbers and truth values; nothing else is written out."""

from __future__ import annotations

import ast
import io
import json
import math
import re
import tokenize
import warnings
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

_EXACT = 2**53
"""Beyond it a float no longer holds every whole number, so its digits aren't those that were meant."""
_TWO_STRINGS = re.compile(r"""['"]\s+[rbuf]?['"]""", re.IGNORECASE)


class UnusableRowError(ValueError):
    """A row that gives no item; the message says why, in words shared by all such rows."""

    def __init__(self, reason: str, hint: str = "") -> None:
        self.hint = hint
        """What to write in the mapping instead; it may differ from row to row."""
        super().__init__(reason)


def plain_text(value: Any, name: str) -> str:
    """The value of the field `name` as it is written into an item, without white space around it.

    Raises UnusableRowError for a value that is missing (null, NaN, an empty text), or that is no single value.
    """
    if isinstance(value, str):
        return _written_text(value.strip(), name)
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _number_text(value, name)
    if isinstance(value, Decimal) and value.is_finite():
        return str(int(value)) if value == value.to_integral_value() else format(value, "f")
    if value is None or isinstance(value, Decimal):
        raise UnusableRowError(f"the row has nothing in {name!r}")
    if isinstance(value, list | tuple):
        raise UnusableRowError(f"{name!r} holds a list", f"write {{{name}[0]}} for its first entry")
    if isinstance(value, Mapping):
        key = next((str(key) for key in value), "key")
        raise UnusableRowError(f"{name!r} holds an object", f"write {{{name}.{key}}} for one of its values")
    raise UnusableRowError(f"{name!r} holds a {type(value).__name__}, neither text nor a number nor true or false")


def _written_text(text: str, name: str) -> str:
    if not text:
        raise UnusableRowError(f"the row has nothing in {name!r}")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UnusableRowError(f"{name!r} holds half a surrogate pair") from None
    return text


def _number_text(value: float, name: str) -> str:
    if math.isnan(value):
        raise UnusableRowError(f"the row has nothing in {name!r}")
    if math.isinf(value):
        raise UnusableRowError(f"{name!r} holds a number that isn't finite")
    # Tables with gaps keep whole numbers as floats: 3.0 was 3.
    return str(int(value)) if value.is_integer() and abs(value) < _EXACT else repr(value)


def written(text: str) -> list[Any] | tuple[Any, ...] | dict[Any, Any] | None:
    """The list or object that a text writes as JSON or Python does; None where it writes neither."""
    text = text.strip()
    if text[:1] not in ("[", "{", "("):
        return None
    try:
        value = json.loads(text, object_pairs_hook=_distinct)
    except (ValueError, RecursionError):
        value = _python_literal(text)
    return value if isinstance(value, list | tuple | dict) else None


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) < len(pairs):
        raise ValueError("a key twice")
    return dict(pairs)


def _python_literal(text: str) -> Any:
    try:
        # Python joins strings that stand side by side, which is how numpy writes a list: ['Paris' 'Rome'].
        if _TWO_STRINGS.search(text) and _joins_strings(text):
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError, tokenize.TokenError):
        return None


def _joins_strings(text: str) -> bool:
    before = None
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == before == tokenize.STRING:
            return True
        if token.type not in (tokenize.NL, tokenize.NEWLINE, tokenize.COMMENT):
            before = token.type
    return False
