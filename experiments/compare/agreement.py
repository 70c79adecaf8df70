"""Do the measures of the answers agree on a change? Only where they do is it called a gain or a loss.

One training can make the answer likelier than its foil and less often the likeliest choice. Whoever looks at one of the
measures alone would claim what another one denies.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from experiments.answer_measures import AGREEING, MEASURES, AnswerMeasure, deciding_label
from experiments.compare.paired import CHANGES, excludes_zero

OfKind = Mapping[str, Any]
"""What comparison.json holds of the items of one kind or family."""
AGAINST = {"change": "from the base", "twin_change": "from the base to the control twin", "beyond_twin": "against the control twin"}  # fmt: skip


def agreement(of_kind: OfKind) -> dict[str, Any]:
    """By contrast: the sign of every measure's point estimate, the one that all share (0: none), and whether two are opposite."""
    return {
        name: {"sign": _shared(signs), "opposite": _opposite(signs), "signs": signs}
        for name in CHANGES
        if (signs := _signs(of_kind, name))
    }


def sign_of(accuracy: Mapping[str, Any]) -> int:
    """1 or −1 where a change leaves 0 out and, with a control twin, so does what is left beyond it, on the same side."""
    if accuracy["change"] is None:
        return 0
    bearing = [accuracy["change"], *([accuracy["beyond_twin"]] if accuracy["beyond_twin"] else [])]
    signs = {(1 if one["value"] > 0 else -1) if excludes_zero(one) else 0 for one in bearing}
    return signs.pop() if len(signs) == 1 else 0


def claimed(of_kind: OfKind) -> int:
    """1 for a gain, −1 for a loss: the accuracy that decides bears it, and every other measure has its sign.

    0 else, also where nothing but that accuracy was measured.
    """
    return sign_of(of_kind["accuracy"]) if beside_the_deciding(of_kind) and not _apart(of_kind) else 0


def disagreeing(of_kind: OfKind) -> list[str]:
    """The contrasts in which the measures do not point one way, in words."""
    return [AGAINST[name] for name in _apart(of_kind)]


def disagreement(of_kind: OfKind) -> str | None:
    """The same with what every measure says; None where all point one way."""
    told = []
    for contrast, signs in _apart(of_kind).items():
        each = ", ".join(f"{label_of(of_kind, name)} {moved(of_kind, name, contrast)}" for name in signs)
        told.append(f"{AGAINST[contrast]}: {each}")
    return "; ".join(told) or None


def _apart(of_kind: OfKind) -> dict[str, dict[str, int]]:
    """Signs by contrast, where two are opposite, or where one has none of a change that the deciding accuracy bears.

    What only the control twin changed is no claim.
    """
    bears = sign_of(of_kind["accuracy"]) != 0
    found = {contrast: _signs(of_kind, contrast) for contrast in ("change", "beyond_twin")}
    return {
        name: signs for name, signs in found.items() if _opposite(signs) or (bears and signs and not _shared(signs))
    }


def beside_the_deciding(of_kind: OfKind) -> list[str]:
    """Labels of the measures of the change other than the accuracy that decides."""
    decided = list(of_kind.get("decided_by") or {})
    return [label_of(of_kind, name) for name in _signs(of_kind, "change") if name != "accuracy" and decided != [name]]


def label_of(of_kind: OfKind, name: str) -> str:
    """What a measure is called; `accuracy` is the one that decides for these items."""
    if name != "accuracy":
        return MEASURES[name].label  # type: ignore[index]
    return deciding_label(of_kind.get("decided_by") or {})


def moved(of_kind: OfKind, name: str, contrast: str) -> str:
    """`+2.8 points` or `-0.31 nats`."""
    value = of_kind[name][contrast]["value"]
    if name == "accuracy" or _measure(name).is_share:
        return f"{100 * value:+.1f} points"
    return f"{value:+.2f}{' nats' if _measure(name).unit == 'nats' else ''}"


def _measure(name: str) -> AnswerMeasure:
    return next(one for one in AGREEING if one.name == name)


def _signs(of_kind: OfKind, contrast: str) -> dict[str, int]:
    decided = of_kind.get("decided_by") or {}
    # The accuracy that decides is one of the others where a single measure decided for all items.
    names: list[str] = [one.name for one in AGREEING]
    if list(decided) not in ([name] for name in names):
        names = ["accuracy", *names]
    found: dict[str, int] = {}
    for name in names:
        estimate = (of_kind.get(name) or {}).get(contrast)
        if estimate is not None and estimate["value"] is not None:
            found[name] = (estimate["value"] > 0) - (estimate["value"] < 0)
    return found


def _shared(signs: Mapping[str, int]) -> int:
    return next(iter(signs.values())) if len(set(signs.values())) == 1 else 0


def _opposite(signs: Mapping[str, int]) -> bool:
    return {1, -1} <= set(signs.values())
