"""What a comparison says, in sentences: each claim only with an interval that bears it, else that it can't tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from strata.experiments.compare.agreement_words import bearers, denial, disagreement, label_of, shown_by
from strata.experiments.compare.decision import asked_to_generate, halves_by_generated, hypothesis_of
from strata.experiments.compare.format_change import format_instead
from strata.experiments.compare.measure_agreement import claimed, denied_by, sign_of
from strata.experiments.compare.paired_estimates import excludes_zero, without_interval
from strata.experiments.results.answer_measures import GENERATED
from strata.experiments.signed import signed, signed_interval

HYPOTHESIS = (
    "The layer-split hypothesis (knowledge in lower blocks, reasoning in upper ones, so reasoning training helps the one and hurts "
    "the other)"
)
_NEITHER = "neither a gain nor a loss is claimed"


def claims(comparison: Mapping[str, Any]) -> dict[str, Any]:
    """`sentences` on what changed and where, and `hypothesis`: supported, contradicted, or undetermined, with the reason.

    Of a kind that was not asked nothing is said, but for the hypothesis, which needs both.
    """
    sentences = []
    for kind in ("reasoning", "knowledge"):
        of_kind = comparison["kinds"].get(kind, {})
        if of_kind.get("accuracy") is None:
            continue
        sentences.append(_changed(kind, of_kind))
        sentences.append(_moved(kind, of_kind["location_change"].get("distilled")))
    words = asked_to_generate(comparison)
    if words is not None:
        reasoning = comparison["kinds"].get("reasoning", {})
        at = 1 if reasoning.get("accuracy") is not None else 0
        sentences[at:at] = [_said(words, reasoning), *_shared_out(halves_by_generated(comparison))]
    hypothesis, reason = hypothesis_of(comparison)
    return {
        "sentences": [*sentences, f"{HYPOTHESIS} is {hypothesis} here: {reason}."],
        "hypothesis": hypothesis,
        "reason": reason,
    }


def _said(words: Mapping[str, Any], at_prompts: Mapping[str, Any]) -> str:
    ways = ", ".join(f"{role} {way}" for role, way in words["prompt"].items())
    first = _with_control(
        f"Reasoning, {GENERATED} ({words['about']}; asked {ways}): {_points(words['accuracy']['change'])}",
        words["accuracy"],
    )
    sign = sign_of(words["accuracy"])
    if not sign:
        return first
    if denied_by(sign, at_prompts):
        return f"{first} But what the measures at these prompts show is the opposite ({denial(sign, at_prompts)}); {_NEITHER}."
    return f"{first} This rests on {GENERATED} alone."


def _shared_out(halved: Mapping[str, Any] | None) -> list[str]:
    """Which half of the blocks brings the change of the generated answers, where that was measured."""
    if halved is None:
        return []
    way = f" asked {halved['prompt']}" if halved.get("prompt") else ""
    if halved["upper_minus_lower"] is None:
        return [
            f"Which half of the blocks brings the change of the generated answers is undetermined{way}: {halved['reason']}."
        ]
    apart = halved["upper_minus_lower"]
    band = signed_interval(apart["low"], apart["high"])
    unsure = "" if excludes_zero(apart) else ", which doesn't say which half brings more"
    return [
        f"Base and distilled model{way} differ by {_points(halved['whole'])} in generated answers; the share of it that comes with the "
        f"upper half of the blocks (from block {halved['cut']}) less the share that comes with the lower half: "
        f"{signed(apart['value'])}{band}{unsure}."
    ]


def _changed(kind: str, of_kind: Mapping[str, Any]) -> str:
    change = of_kind["accuracy"]["change"]
    if change is None:
        return f"The change of {kind} could not be measured."
    first = _with_control(
        f"{kind.capitalize()} at these prompts, {label_of(of_kind, 'accuracy')}: {_points(change)}", of_kind["accuracy"]
    )
    return " ".join([first, *_borne(kind, of_kind)])


def _borne(kind: str, of_kind: Mapping[str, Any]) -> Iterator[str]:
    """Which measures show it, and what else may explain a fall."""
    apart, partly = disagreement(of_kind), shown_by(of_kind)
    if apart is not None:
        yield f"The measures disagree: {apart}."
    if partly is not None:
        yield f"{partly[0].upper()}{partly[1:]}."
    if apart is not None or partly is not None:
        yield f"So {_NEITHER}."
    elif claimed(of_kind):
        yield f"Every measure shows it{_both(of_kind['accuracy'])}: {bearers(of_kind)}."
    instead = format_instead(kind, of_kind) if of_kind["accuracy"]["change"]["value"] < 0 else None
    if instead is not None:
        yield f"But {instead}."


def _both(accuracy: Mapping[str, Any]) -> str:
    return ", against the control model too" if accuracy["difference_in_differences"] else ""


def _with_control(words: str, accuracy: Mapping[str, Any]) -> str:
    if not excludes_zero(accuracy["change"]):
        words += ", which may be no change"
    beyond = accuracy["difference_in_differences"]
    if beyond is None:
        return f"{words}; without a control model it can't be told from what any training does."
    return f"{words}; difference in differences against the control {_points(beyond)}{'' if excludes_zero(beyond) else ', which may be nothing'}."


def _moved(kind: str, change: Mapping[str, Any] | None) -> str:
    if change is None or change["verdict"] == "undetermined":
        why = "it is not comparable" if change is None else change["reason"]
        return f"Whether {kind} moved to another depth is undetermined: {why}."
    ends = change["interval"]
    band = "" if ends is None else signed_interval(*ends)
    if change["verdict"] == "unchanged":
        return f"{kind.capitalize()} stayed at its depth: {signed(change['difference'])}{band}."
    return f"{kind.capitalize()} moved {change['verdict']}: {signed(change['difference'])} of the depth{band}."


def _points(estimate: Mapping[str, Any]) -> str:
    value, low, high = (None if estimate[name] is None else 100 * estimate[name] for name in ("value", "low", "high"))
    absent = without_interval(estimate)
    return f"{signed(value or 0.0, 1)} points{f' ({absent})' if absent else signed_interval(low, high, 1)}"
