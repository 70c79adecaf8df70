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
    words = _in_words(found.get("thoughts") or {})
    if words is not None:
        sentences[1:1] = [_said(words), *_shared_out(found["kinds"].get("reasoning", {}))]
    story, reason = _story(found["kinds"], words)
    return {"sentences": [*sentences, f"{STORY} is {story} here: {reason}."], "story": story, "reason": reason}


def _in_words(thoughts: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Answers in words to problems like those trained on; None where they weren't asked of base and distilled model."""
    found: Mapping[str, Any] | None = thoughts.get("test")
    return found if found is not None and found["accuracy"]["change"] is not None else None


def _said(words: Mapping[str, Any]) -> str:
    return _with_twin(
        f"Share of problems answered right in words, thinking first ({words['about']}): "
        f"{_points(words['accuracy']['change'])}",
        words["accuracy"],
    )


def _shared_out(reasoning: Mapping[str, Any]) -> list[str]:
    """Which half of the blocks brings the gain in words, where that was measured."""
    of_model = (reasoning.get("upper_minus_lower") or {}).get("distilled") or {}
    halved = of_model.get("in_words")
    if halved is None:
        return []
    if halved["upper_minus_lower"] is None:
        return [f"Which half of the blocks brings that change is undetermined: {halved['reason']}."]
    apart = halved["upper_minus_lower"]
    band = "" if apart["low"] is None else f" [{apart['low']:+.2f}, {apart['high']:+.2f}]"
    unsure = "" if excludes_zero(apart) else ", which doesn't say which half brings more"
    return [
        f"Share of that change that comes with the upper half of the blocks (from block {halved['cut']}) less the share that "
        f"comes with the lower half: {apart['value']:+.2f}{band}{unsure}."
    ]


def _changed(kind: str, accuracy: Mapping[str, Any]) -> str:
    change = accuracy["change"]
    if change is None:
        return f"The change of {kind} could not be measured."
    return _with_twin(f"Share of {kind} items answered at once: {_points(change)}", accuracy)


def _with_twin(words: str, accuracy: Mapping[str, Any]) -> str:
    if not excludes_zero(accuracy["change"]):
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


def _story(kinds: Mapping[str, Mapping[str, Any]], words: Mapping[str, Any] | None) -> tuple[str, str]:
    """The story needs a gain in reasoning from the upper half and a loss of knowledge, both beyond the twin's if there is one.

    The gain is the one in words where that was asked: reasoning that is trained to be spelt out need not show at once.
    """
    measured = words if words is not None else kinds.get("reasoning", {})
    gain, loss = _effect(measured), _effect(kinds.get("knowledge", {}))
    where = "in words" if words is not None else "at these prompts"
    if gain is None or loss is None:
        return "undetermined", "one of the two kinds was not measured in both models"
    if gain["high"] is None or loss["high"] is None:
        return "undetermined", "there are too few clusters for an interval"
    if gain["high"] < 0:
        return "contradicted", f"reasoning is answered less often than before {where}"
    if loss["low"] > 0:
        return "contradicted", "knowledge items are answered more often than before"
    if not excludes_zero(gain):
        return "undetermined", f"no gain in reasoning is shown {where}{_beyond(measured)}"
    if not excludes_zero(loss):
        return "undetermined", (
            f"reasoning gains {where}{_beyond(measured)}, but no loss of knowledge is shown{_beyond(kinds['knowledge'])}"
        )
    apart = _upper_minus_lower(kinds["reasoning"], in_words=words is not None)
    if apart is None or not excludes_zero(apart):
        return "undetermined", "which half of the blocks brings the gain is not shown"
    if apart["value"] < 0:
        return "contradicted", "the lower half of the blocks brings more of the gain in reasoning than the upper half"
    return "supported", "the upper half of the blocks brings the gain in reasoning, and knowledge was lost"


def _beyond(measured: Mapping[str, Any]) -> str:
    return " beyond the control twin's" if measured["accuracy"]["beyond_twin"] else ""


def _effect(measured: Mapping[str, Any]) -> Mapping[str, Any] | None:
    accuracy = measured.get("accuracy")
    if accuracy is None:
        return None
    found: Mapping[str, Any] | None = accuracy["beyond_twin"] or accuracy["change"]
    return found


def _upper_minus_lower(of_kind: Mapping[str, Any], *, in_words: bool) -> Mapping[str, Any] | None:
    """Of the gain that was measured: a share of another one would be no evidence."""
    of_model = (of_kind.get("upper_minus_lower") or {}).get("distilled") or {}
    for measure in ("in_words",) if in_words else ("accuracy", "logit_difference"):
        found: Mapping[str, Any] | None = (of_model.get(measure) or {}).get("upper_minus_lower")
        if found is not None:
            return found
    return None


def _points(estimate: Mapping[str, Any]) -> str:
    value = f"{100 * estimate['value']:+.1f} points"
    if estimate["low"] is None:
        return f"{value} (too few clusters for an interval)"
    return f"{value} [{100 * estimate['low']:+.1f}, {100 * estimate['high']:+.1f}]"
