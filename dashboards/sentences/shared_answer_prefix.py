"""Behind which token is `last`? How many items are read behind a start of the answer that was fed to the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from strata.dashboards.number_formats import listed
from strata.dashboards.visible_text import visible
from strata.experiments.items.schema import Kind


def shared_prefix_words(fed: Mapping[Kind, int], asked: Mapping[Kind, int], families: Sequence[str]) -> str:
    """A sentence on the items whose answer and foil begin alike, `fed` of `asked` by kind; empty where there are none."""
    if not fed:
        return ""
    counts = listed([f"{number} of {asked[kind]} {kind}" for kind, number in fed.items()])
    return (
        f"{counts} items ({listed([visible(family) for family in families])}) have an answer and a foil that begin alike: "
        "lenses and interventions read them at `last` behind that start, where the two part; probes behind no more of it than "
        "all answers of the family share."
    )
