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
_PRINTED_WORDS = re.compile(r"array|dtype|object|int\d+|float\d+|bool|nan|inf|None|True|False|null|true|false")
_OPENING, _CLOSING = frozenset("([{"), frozenset(")]}")
_PRINTED_SIGNS = re.compile(r"[][(){},:=-]|\.\.\.")
_TWO_STRINGS = re.compile(r"""['"]\s+[rbuf]?['"]""", re.IGNORECASE)


class UnusableRowError(ValueError):
    """A row that gives no item; the message says why, worded alike for all such rows."""

    def __init__(self, reason: str, hint: str = "") -> None:
        self.hint = hint
        """What to write in the mapping instead; it may differ from row to row."""
        super().__init__(reason)


def plain_text(value: Any, name: str, *, called: str | None = None) -> str:
    """The value of the field `name` as it is written into an item, without white space around it.

    `called`: what a message calls it, where it has no name of its own. Raises UnusableRowError for a value that is missing
    (null, NaN, an empty text), or that is no single value.
    """
    called = repr(name) if called is None else called
    if isinstance(value, str):
        return _written_text(value.strip(), called)
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _number_text(value, called)
    if isinstance(value, Decimal) and value.is_finite():
        return str(int(value)) if value == value.to_integral_value() else format(value, "f")
    if value is None or isinstance(value, Decimal):
        raise UnusableRowError(f"the row has nothing in {called}")
    if isinstance(value, list | tuple):
        raise UnusableRowError(f"{called} holds a list", way_in(value, name))
    if isinstance(value, Mapping):
        raise UnusableRowError(f"{called} holds an object", way_in(value, name))
    raise UnusableRowError(f"{called} holds a {type(value).__name__}, neither text nor a number nor true or false")


def way_in(value: Any, name: str) -> str:
    """What to write for one value of a list or an object in the field `name`; empty for anything else."""
    if isinstance(value, list | tuple):
        return f"write {{{name}[0]}} for its first entry"
    if isinstance(value, Mapping):
        return f"write {{{name}.{next((str(key) for key in value), 'key')}}} for one of its values"
    return ""


def _written_text(text: str, called: str) -> str:
    if not text:
        raise UnusableRowError(f"the row has nothing in {called}")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UnusableRowError(f"{called} holds half a surrogate pair") from None
    return text


def _number_text(value: float, called: str) -> str:
    if math.isnan(value):
        raise UnusableRowError(f"the row has nothing in {called}")
    if math.isinf(value):
        raise UnusableRowError(f"{called} holds a number that isn't finite")
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
    for token in _tokens(text):
        if token.type == before == tokenize.STRING:
            return True
        before = token.type
    return False


def prints(text: str) -> str:
    """`a list` or `an object` where the whole text is one as a program prints it; empty for any other text.

    Besides what `written` reads, that is what numpy and Python print of quoted texts: ['Paris' 'Rome'], ['Paris', nan],
    {'text': array(['Paris'], dtype=object)}. Numbers in round brackets or braces are mathematics: (1, 2) is a text.
    """
    text = text.strip()
    kind = "an object" if text[:1] == "{" else "a list"
    value = written(text)
    if isinstance(value, tuple):
        return "" if all(isinstance(entry, int | float) for entry in value) else kind
    return kind if value is not None or _is_printed(text) else ""


def _is_printed(text: str) -> bool:
    """Whether the text is one pair of brackets around quoted texts, numbers and the words that programs print."""
    if text[:1] not in ("[", "{") and not text.startswith("array("):
        return False
    try:
        tokens = _tokens(text)
    except (SyntaxError, tokenize.TokenError):
        return False
    depth, closed, quoted = 0, False, False
    for token in tokens:
        known = {tokenize.NAME: _PRINTED_WORDS, tokenize.OP: _PRINTED_SIGNS}.get(token.type)
        if closed or (known and not known.fullmatch(token.string)) or token.type == tokenize.ERRORTOKEN:
            return False
        quoted = quoted or token.type == tokenize.STRING
        depth += (token.string in _OPENING) - (token.string in _CLOSING)
        closed = depth == 0 and token.string in _CLOSING
    return closed and quoted


def _tokens(text: str) -> list[tokenize.TokenInfo]:
    layout = (tokenize.NL, tokenize.NEWLINE, tokenize.COMMENT, tokenize.ENDMARKER)
    return [token for token in tokenize.generate_tokens(io.StringIO(text).readline) if token.type not in layout]
