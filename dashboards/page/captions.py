"""How does a caption come into a template? With its values in it, each escaped."""

from __future__ import annotations

from markupsafe import Markup

from strata.dashboards.page.escaping import esc
from strata.dashboards.sentences.captions import CAPTIONS


def caption(part: str, /, **values: object) -> Markup:
    """A text of `CAPTIONS`. Raises KeyError for one that isn't there or lacks a value."""
    return Markup(CAPTIONS[part]).format(**{key: esc(value) for key, value in values.items()})
