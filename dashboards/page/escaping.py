"""How does foreign text become HTML? Escaped, visible, and isolated from the direction of its neighbours."""

from __future__ import annotations

import html
import re

from markupsafe import Markup

from strata.dashboards.visible_text import visible

_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
_CODE = re.compile("`([^`\n]+)`")


def esc(text: object) -> Markup:
    """Text of ours or of a file, safe in content and in attributes; control characters become symbols.

    The templates put every value through it that isn't HTML already.
    """
    if isinstance(text, Markup):
        return text
    return Markup(html.escape("".join(_shown(c) for c in str(text)), quote=True))


def prose(text: object) -> Markup:
    """A sentence of ours, in which no line ends between the dashes of an option, and `words` of a command are set as code."""
    return Markup(_CODE.sub(r"<code>\1</code>", _OPTION.sub(r'<span class="option">\g<0></span>', str(esc(text)))))


def token(text: str) -> Markup:
    """A token or an answer as code: blanks and controls visible, direction isolated."""
    return Markup(f'<bdi class="token">{esc(visible(text))}</bdi>')


def foreign(text: str) -> Markup:
    """An id or a name from an item file, direction isolated."""
    return Markup(f"<bdi>{esc(text)}</bdi>")


def _shown(c: str) -> str:
    return c if c in "\n " or (c.isprintable() and not 0xD800 <= ord(c) < 0xE000) else visible(c)
