"""How does a template become HTML? Every value in it is escaped; a name that a view lacks is an error, not a blank."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from strata.dashboards.number_formats import count, interval, number, stream_range
from strata.dashboards.page import drawing_scales
from strata.dashboards.page.captions import caption
from strata.dashboards.page.escaping import esc, foreign, prose, token
from strata.dashboards.sentences.glossary import GLOSSARY
from strata.dashboards.sentences.places import ROLE_MEANS, ROLES
from strata.dashboards.visible_text import visible
from strata.experiments.results.answer_measures import (
    ANSWERED_RIGHT,
    BY_CHOICE,
    BY_LIKELIHOOD,
    DECIDING_RULE,
    GENERATED,
    USED,
)


@cache
def environment() -> Environment:
    """The templates of `dashboards/page/templates`, with the words and scales that they use."""
    made = Environment(
        loader=PackageLoader("strata.dashboards.page"),
        autoescape=True,
        finalize=_written,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(foreign=foreign, prose=prose, token=token, visible=visible)
    made.globals.update(
        caption=caption, count=count, interval=interval, number=number, stream_range=stream_range, scales=drawing_scales
    )
    made.globals.update(
        ROLES=ROLES, ROLE_MEANS=ROLE_MEANS, ANSWERED_RIGHT=ANSWERED_RIGHT, USED=USED, BY_CHOICE=BY_CHOICE
    )
    made.globals.update(GLOSSARY=GLOSSARY)
    made.globals.update(BY_LIKELIHOOD=BY_LIKELIHOOD, DECIDING_RULE=DECIDING_RULE, GENERATED=GENERATED)
    return made


def _written(value: object) -> Markup:
    """As `esc`. Raises TypeError for a function: a name that a view shares with its mapping, like `items`, was meant."""
    if callable(value):
        raise TypeError(f"a template writes {value!r}: name the field in brackets")
    return esc(value)


def render(name: str, **values: object) -> str:
    """The template `name` with `values`. Raises jinja2's UndefinedError where a value that it names is absent."""
    return environment().get_template(name).render(**values)


def macro(name: str, of: str, *given: object, **options: object) -> Markup:
    """One macro of the template `of`, called by itself."""
    return Markup(getattr(environment().get_template(of).module, name)(*given, **options))
