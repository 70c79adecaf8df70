"""How does foreign text become HTML? Escaped, visible, and isolated from the direction of its neighbours."""

from __future__ import annotations

import html
import re

from strata.dashboards.text import visible

_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")


def esc(text: object) -> str:
    """Text of ours or of a file, safe in content and in attributes; control characters become symbols."""
    return html.escape("".join(_shown(c) for c in str(text)), quote=True)


def prose(text: object) -> str:
    """A sentence of ours, in which no line ends between the dashes of an option."""
    return _OPTION.sub(r'<span class="option">\g<0></span>', esc(text))


def _shown(c: str) -> str:
    return c if c in "\n " or (c.isprintable() and not 0xD800 <= ord(c) < 0xE000) else visible(c)


def token(text: str) -> str:
    """A token or an answer as code: blanks and controls visible, direction isolated."""
    return f'<bdi class="token">{html.escape(visible(text), quote=True)}</bdi>'


def foreign(text: str) -> str:
    """An id or a name from an item file, direction isolated."""
    return f"<bdi>{esc(text)}</bdi>"
