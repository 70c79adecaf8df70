"""Which measures show a change, which don't, and which deny it? The words for a sentence and for the row under a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from strata.experiments.compare.measure_agreement import OfKind, borne_on, claimed, contrasts_of, denied_by, side
from strata.experiments.results.answer_measures import AGREEING, MEASURES, deciding_label
from strata.experiments.signed import signed, signed_interval

AGAINST = {"change": "against the base", "difference_in_differences": "against the control model"}
_MOVES = {1: "a rise", -1: "a fall"}


def disagreement(of_kind: OfKind) -> str | None:
    """By contrast the measures whose intervals lie on opposite sides of 0, with what each says; None where none do."""
    parts = [
        f"{AGAINST[contrast]}: {_each(of_kind, contrast, [name for name, sign in signs.items() if sign])}"
        for contrast, signs in contrasts_of(of_kind).items()
        if {1, -1} <= set(signs.values())
    ]
    return "; ".join(parts) or None


def shown_by(of_kind: OfKind) -> str | None:
    """By contrast which measures show a change and which don't, where no claim stands and none denies another; else None."""
    by_contrast = contrasts_of(of_kind)
    if claimed(of_kind) or not any(sign for signs in by_contrast.values() for sign in signs.values()):
        return None
    parts = [
        f"{AGAINST[contrast]} {_standing(of_kind, contrast)}"
        for contrast, signs in by_contrast.items()
        if not {1, -1} <= set(signs.values())
    ]
    return "; ".join(parts) or None


def why_not(of_kind: OfKind, sign: int) -> str:
    """`against the base (the measures disagree)`: every contrast that doesn't bear a gain (`sign` 1) or a loss (−1), and why."""
    by_contrast = contrasts_of(of_kind)
    parts = [
        f"{AGAINST[contrast]}{_lacking(of_kind, signs, sign)}"
        for contrast, signs in by_contrast.items()
        if set(signs.values()) != {sign}
    ]
    return " nor ".join(parts) or "by more than one measure"


def why_not_alone(accuracy: Mapping[str, Any], sign: int) -> str:
    """The same of one measure that is judged by itself."""
    return " nor ".join(AGAINST[contrast] for contrast in borne_on(accuracy) if side(accuracy[contrast]) != sign)


def _lacking(of_kind: OfKind, signs: Mapping[str, int], sign: int) -> str:
    """In brackets what is missing from the measures of a contrast for it to bear a change; empty where none shows one."""
    there = set(signs.values())
    if {1, -1} <= there:
        return " (the measures disagree)"
    if there == {0}:
        return ""
    named = ", ".join(
        label_of(of_kind, name) for name, shown_sign in signs.items() if shown_sign == (0 if sign in there else -sign)
    )
    return f" (not by {named})" if sign in there else f" ({_MOVES[-sign]} is shown by {named})"


def denial(sign: int, at_prompts: OfKind) -> str:
    """What the measures at the prompts show against a generated answer."""
    return "; ".join(
        f"{AGAINST[contrast]} {_each(at_prompts, contrast, names)}"
        for contrast, names in denied_by(sign, at_prompts).items()
    )


def bearers(of_kind: OfKind) -> str:
    """All measures of the change."""
    return ", ".join(label_of(of_kind, name) for name in contrasts_of(of_kind)["change"])


def label_of(of_kind: OfKind, name: str) -> str:
    """What a measure is called; `accuracy` is the one that decides for these items."""
    if name != "accuracy":
        return MEASURES[name].label  # type: ignore[index]
    return deciding_label(of_kind.get("decided_by") or {})


def moved(of_kind: OfKind, name: str, contrast: str) -> str:
    """`+2.8 points [+1.0, +4.6]` or `−0.31 nats [−0.50, −0.12]`."""
    estimate: Mapping[str, Any] = of_kind[name][contrast]
    measure = next((known for known in AGREEING if known.name == name), None)
    share = measure is None or measure.is_share
    scale, digits = (100, 1) if share else (1, 2)
    unit = " points" if share else " nats" if measure is not None and measure.unit == "nats" else ""
    low, high = (None if estimate[end] is None else scale * estimate[end] for end in ("low", "high"))
    return f"{signed(scale * estimate['value'], digits)}{unit}{signed_interval(low, high, digits)}"


def _standing(of_kind: OfKind, contrast: str) -> str:
    """Of measures that don't deny each other: `a fall is shown by A, B; not shown by C`."""
    signs = contrasts_of(of_kind)[contrast]
    yes, no = (
        ", ".join(label_of(of_kind, name) for name, sign in signs.items() if bool(sign) is shows)
        for shows in (True, False)
    )
    if not yes:
        return "no measure shows a change"
    move = _MOVES[next(sign for sign in signs.values() if sign)]
    return (
        f"{move} is shown by {yes if no or len(signs) == 1 else 'every measure'}{f', not shown by {no}' if no else ''}"
    )


def _each(of_kind: OfKind, contrast: str, names: list[str]) -> str:
    return ", ".join(f"{label_of(of_kind, name)} {moved(of_kind, name, contrast)}" for name in names)
