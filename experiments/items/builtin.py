"""Every built-in family, in reading order, and the default set of questions drawn from them."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from strata.experiments.items.chain_of_thought import FAMILIES as IN_A_CHAIN
from strata.experiments.items.composite import FAMILIES as COMPOSITE
from strata.experiments.items.control import FAMILIES as CONTROL
from strata.experiments.items.family import Family, TokenLength
from strata.experiments.items.knowledge import FAMILIES as KNOWLEDGE
from strata.experiments.items.reasoning import FAMILIES as REASONING
from strata.experiments.items.schema import Item
from strata.probes.errors import StrataError

FAMILIES: tuple[Family, ...] = (*KNOWLEDGE, *REASONING, *COMPOSITE, *CONTROL, *IN_A_CHAIN)


ALL = "all"
DEFAULT: tuple[str, ...] = (
    *("language", "continent", "animal_class", "nationality", "drug_class", "disease_organ"),
    *("addition", "addition_carry", "product", "quotient", "comparison", "binding"),
    *("language_stated", "continent_stated", "animal_class_stated", "drug_class_stated"),
    *("addition_stated", "addition_carry_stated", "product_stated", "quotient_stated"),
)
"""What is asked when nothing is said: six families of knowledge and six of reasoning that the embedded model answers on both
sides of a pair (but for `comparison`: right in .69 [.50, .83], chance .5) and whose answers several inputs share, two of them medical; and four matched controls of each. Two-hop families are
asked by name, or all together as `composite`: no kind's place or order rests on them."""


def chosen(names: Sequence[str]) -> tuple[Family, ...]:
    """The families that `names` ask for: family names, kinds, domains or `all`; the default ones when empty.

    Raises StrataError for a name that is none of these.
    """
    picked: list[Family] = []
    for name in names or DEFAULT:
        matching = [family for family in FAMILIES if name in (family.name, family.kind, family.domain, ALL)]
        if not matching:
            known = [family.name for family in FAMILIES]
            words = dict.fromkeys(
                [*known, *(word for family in FAMILIES for word in (family.kind, family.domain)), ALL]
            )
            near = get_close_matches(name, words, 1)
            raise StrataError(
                f"There is no item family, kind or domain {name!r}",
                f"{f'Did you mean {near[0]}? ' if near else ''}Choose among: {', '.join(known)}",
            )
        picked += [family for family in matching if family not in picked]
    return tuple(picked)


def build_items(
    families: Sequence[Family],
    *,
    seed: int,
    per_family: int,
    difficulty: int | None = None,
    token_length: TokenLength | None = None,
) -> list[Item]:
    """At most `per_family` items of each family, in the families' order; the same seed gives the same items."""
    items: list[Item] = []
    for family in families:
        setting = None
        if difficulty is not None and family.difficulties:
            setting = _nearest(family.difficulties, difficulty)
        items += family.build(seed=seed, n=per_family, difficulty=setting, token_length=token_length)
    return items


def _nearest(settings: Sequence[int], wanted: int) -> int:
    """A family whose difficulties don't reach so far gives its own nearest setting."""
    return min(settings, key=lambda setting: abs(setting - wanted))
