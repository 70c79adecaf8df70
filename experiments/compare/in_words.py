"""What a comparison says, in sentences: each claim only with an interval that bears it, else that it can't tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from experiments.compare.paired import excludes_zero

STORY = (
    "The popular story (knowledge in lower blocks, reasoning in upper ones, so reasoning training helps the one and hurts "
    "the other)"
)


def in_words(found: Mapping[str, Any]) -> dict[str, Any]:
    """`sentences` on what changed and where, and `story`: supported, contradicted, or undetermined, with the reason."""
    sentences = []
    for kind in ("reasoning", "knowledge"):
        of_kind = found["kinds"].get(kind, {})
        if of_kind.get("accuracy") is None:
            sentences.append(f"{kind.capitalize()} was not asked of both models.")
            continue
        sentences.append(_changed(kind, of_kind["accuracy"]))
        sentences.append(_moved(kind, of_kind["location_change"].get("distilled")))
    story, reason = _story(found["kinds"])
    return {"sentences": [*sentences, f"{STORY} is {story} here: {reason}."], "story": story, "reason": reason}


def _changed(kind: str, accuracy: Mapping[str, Any]) -> str:
    change = accuracy["change"]
    if change is None:
        return f"The change of {kind} could not be measured."
    words = f"Share of {kind} items answered: {_points(change)}"
    if not excludes_zero(change):
        words += ", which may be no change"
    beyond = accuracy["beyond_twin"]
    if beyond is None:
        return f"{words}; without a control twin it can't be told from what any training does."
    return f"{words}; beyond the control twin {_points(beyond)}{'' if excludes_zero(beyond) else ', which may be nothing'}."


def _moved(kind: str, change: Mapping[str, Any] | None) -> str:
    if change is None or change["verdict"] == "undetermined":
        why = "it is not comparable" if change is None else change["reason"]
        return f"Whether {kind} moved to another depth is undetermined: {why}."
    ends = change["interval"]
    band = "" if ends is None else f" [{ends[0]:+.2f}, {ends[1]:+.2f}]"
    if change["verdict"] == "unchanged":
        return f"{kind.capitalize()} stayed at its depth: {change['difference']:+.2f}{band}."
    return f"{kind.capitalize()} moved {change['verdict']}: {change['difference']:+.2f} of the depth{band}."


def _story(kinds: Mapping[str, Mapping[str, Any]]) -> tuple[str, str]:
    """The story needs a gain in reasoning from the upper half and a loss of knowledge, both beyond the twin's if there is one."""
    gain, loss = (_effect(kinds.get(kind, {})) for kind in ("reasoning", "knowledge"))
    if gain is None or loss is None:
        return "undetermined", "one of the two kinds was not measured in both models"
    if gain["high"] is None or loss["high"] is None:
        return "undetermined", "there are too few clusters for an interval"
    if gain["high"] < 0:
        return "contradicted", "reasoning items are answered less often than before"
    if loss["low"] > 0:
        return "contradicted", "knowledge items are answered more often than before"
    if not excludes_zero(gain):
        return "undetermined", f"no gain in reasoning is shown at these prompts{_beyond(kinds['reasoning'])}"
    if not excludes_zero(loss):
        return "undetermined", f"no loss of knowledge is shown{_beyond(kinds['knowledge'])}"
    apart = _upper_minus_lower(kinds["reasoning"])
    if apart is None or not excludes_zero(apart):
        return "undetermined", "which half of the blocks brings the gain is not shown"
    if apart["value"] < 0:
        return "contradicted", "the lower half of the blocks brings more of the gain in reasoning than the upper half"
    return "supported", "the upper half of the blocks brings the gain in reasoning, and knowledge was lost"


def _beyond(of_kind: Mapping[str, Any]) -> str:
    return " beyond the control twin's" if of_kind["accuracy"]["beyond_twin"] else ""


def _effect(of_kind: Mapping[str, Any]) -> Mapping[str, Any] | None:
    accuracy = of_kind.get("accuracy")
    if accuracy is None:
        return None
    found: Mapping[str, Any] | None = accuracy["beyond_twin"] or accuracy["change"]
    return found


def _upper_minus_lower(of_kind: Mapping[str, Any]) -> Mapping[str, Any] | None:
    of_model = (of_kind.get("upper_minus_lower") or {}).get("distilled") or {}
    for measure in ("accuracy", "logit_difference"):
        found: Mapping[str, Any] | None = (of_model.get(measure) or {}).get("upper_minus_lower")
        if found is not None:
            return found
    return None


def _points(estimate: Mapping[str, Any]) -> str:
    value = f"{100 * estimate['value']:+.1f} points"
    if estimate["low"] is None:
        return f"{value} (too few clusters for an interval)"
    return f"{value} [{100 * estimate['low']:+.1f}, {100 * estimate['high']:+.1f}]"
