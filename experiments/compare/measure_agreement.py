"""Do the measures of the answers bear a change? Only where the interval of every one does is it called a gain or a loss.

One training can make the answer likelier than its foil and less often the likeliest choice. Whoever looks at one of the
measures alone would claim what another one denies. A measure shows *up* or *down* where its 95 % interval leaves 0 out; else
it shows nothing, whatever the sign of its point estimate, which is that of noise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from strata.experiments.compare.paired_estimates import CHANGES, excludes_zero
from strata.experiments.results.answer_measures import AGREEING

OfKind = Mapping[str, Any]
"""What comparison.json holds of the items of one kind or family."""
CLAIMED_ON = ("change", "difference_in_differences")
"""The contrasts that a claim stands on; the second where there is a control model."""


def agreement(of_kind: OfKind) -> dict[str, Any]:
    """By contrast: what every measure shows (1, −1, or 0: nothing), what all show (else 0), and whether two show opposites."""
    return {
        name: {"sign": _shared(signs), "opposite": _opposite(signs), "signs": signs}
        for name in CHANGES
        if (signs := shown(of_kind, name))
    }


def shown(of_kind: OfKind, contrast: str) -> dict[str, int]:
    """By measure: 1 or −1 where its interval leaves 0 out, else 0. `accuracy` is the one that decides for these items."""
    decided = of_kind.get("decided_by") or {}
    # The accuracy that decides is one of the others where a single measure decided for all items.
    names: list[str] = [measure.name for measure in AGREEING]
    if list(decided) not in ([name] for name in names):
        names = ["accuracy", *names]
    estimates = {name: (of_kind.get(name) or {}).get(contrast) for name in names}
    return {
        name: side(estimate)
        for name, estimate in estimates.items()
        if estimate is not None and estimate["value"] is not None
    }


def claimed(of_kind: OfKind) -> int:
    """1 for a gain, −1 for a loss: every measure shows it from the base and, with a control model, against the control too.

    0 else, also where only one measure was taken.
    """
    signs = {_shared(by_measure) for by_measure in contrasts_of(of_kind).values()}
    several = len(shown(of_kind, "change")) > 1
    return signs.pop() if several and len(signs) == 1 else 0


def sign_of(accuracy: Mapping[str, Any]) -> int:
    """Of one measure alone: 1 or −1 where a change leaves 0 out and, with a control model, so does what is left beyond it."""
    signs = {side(accuracy[name]) for name in borne_on(accuracy)}
    return signs.pop() if accuracy["change"] is not None and len(signs) == 1 else 0


def borne_on(accuracy: Mapping[str, Any]) -> list[str]:
    """The contrasts that have to bear a change of one measure."""
    return [name for name in CLAIMED_ON if accuracy[name] is not None]


def contrasts_of(of_kind: OfKind) -> dict[str, dict[str, int]]:
    """What the measures show in the contrasts that a claim stands on. Against the control an absent measure shows nothing."""
    from_base = shown(of_kind, "change")
    beyond = shown(of_kind, "difference_in_differences")
    by_contrast = {"change": from_base} if from_base else {}
    return by_contrast | ({"difference_in_differences": dict.fromkeys(from_base, 0) | beyond} if beyond else {})


def claimed_by_generated(accuracy: Mapping[str, Any], at_prompts: OfKind) -> int:
    """What generated answers bear by themselves, unless all that anything at the prompts shows is the opposite."""
    sign = sign_of(accuracy)
    return 0 if sign and denied_by(sign, at_prompts) else sign


def denied_by(sign: int, at_prompts: OfKind) -> dict[str, list[str]]:
    """By contrast the measures at the prompts that show the opposite of `sign`; empty where any shows the same."""
    by_contrast = contrasts_of(at_prompts)
    if any(shown_sign == sign for signs in by_contrast.values() for shown_sign in signs.values()):
        return {}
    against = {
        contrast: [name for name, shown_sign in signs.items() if shown_sign == -sign]
        for contrast, signs in by_contrast.items()
    }
    return {contrast: names for contrast, names in against.items() if names}


def side(estimate: Mapping[str, Any]) -> int:
    """Of 0, on which an interval lies: 1 above, −1 below, 0 where it holds 0 or isn't there."""
    if not excludes_zero(estimate):
        return 0
    return 1 if estimate["low"] > 0 else -1


def _shared(signs: Mapping[str, int]) -> int:
    return next(iter(signs.values())) if len(set(signs.values())) == 1 else 0


def _opposite(signs: Mapping[str, int]) -> bool:
    return {1, -1} <= set(signs.values())
