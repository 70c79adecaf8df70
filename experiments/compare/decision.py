"""Is the layer-split hypothesis supported, contradicted, or can't it be told? Every part of it needs an interval that bears it.

Its gain and its loss must be borne by every measure of the answers at the prompts, or by generated answers (`agreement`).

The hypothesis: knowledge sits in lower blocks and reasoning in upper ones, so reasoning training helps reasoning and hurts
knowledge. Its parts: reasoning is gained; the upper half of the blocks brings that gain; knowledge is lost; the lower half,
where it is said to sit, brings that loss; and the base does not reason before it retrieves. One part that is shown to be
the other way round contradicts it, and all parts together support it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from strata.experiments.compare.agreement_words import denial, why_not, why_not_alone
from strata.experiments.compare.format_change import format_instead
from strata.experiments.compare.measure_agreement import claimed, claimed_by_generated, sign_of
from strata.experiments.compare.paired_estimates import excludes_zero
from strata.experiments.results.answer_measures import GENERATED

SPLIT = "test"
"""Problems with generated answers that the gain is measured on: like those that were trained on."""


def hypothesis_of(comparison: Mapping[str, Any]) -> tuple[str, str]:
    """(supported, contradicted or undetermined; why) from what comparison.json holds."""
    reasoning, knowledge = (comparison["kinds"].get(kind, {}) for kind in ("reasoning", "knowledge"))
    words = asked_to_generate(comparison)
    gain, loss = (words or reasoning).get("accuracy"), knowledge.get("accuracy")
    where = "in generated answers" if words else "at these prompts"
    alone = f" ({GENERATED} alone)" if words else ""
    absent = [name for name, accuracy in (("reasoning", gain), ("knowledge", loss)) if accuracy is None]
    if absent:
        return "undetermined", f"no {' and no '.join(absent)} items were asked"
    if gain is None or loss is None or gain["change"] is None or loss["change"] is None:
        return "undetermined", "one of the two kinds was not measured in both models"
    if any(change["low"] is None for change in (gain["change"], loss["change"])):
        return "undetermined", "there are too few clusters for an interval"
    (gained, no_gain), (lost, no_loss) = _gain(reasoning, words, where), _loss(knowledge)
    brings_gain = _half(reasoning, "generated" if words else "accuracy")
    brings_loss = _half(knowledge, "accuracy")
    contrary = [
        (gained < 0, f"reasoning is answered less often than before {where}{_beyond(gain)}"),
        (lost > 0, f"knowledge items are answered more often than before{_beyond(loss)}"),
        (gained > 0 and brings_gain < 0, f"the lower half of the blocks brings more of the gain in reasoning{alone} than the upper half"),
        (lost < 0 and brings_loss > 0, "the upper half of the blocks brings more of the loss of knowledge than the lower half"),
        (_order(comparison) == "reasoning-first", "the base reasons in lower blocks than it retrieves in"),
    ]  # fmt: skip
    missing = [
        (gained == 0, no_gain),
        (lost == 0, no_loss),
        (gained > 0 and brings_gain == 0, "which half of the blocks brings the gain in reasoning is not shown"),
        (lost < 0 and brings_loss == 0, "which half of the blocks brings the loss of knowledge is not shown"),
    ]
    against, open_ = ([reason for holds, reason in parts if holds] for parts in (contrary, missing))
    if against:
        return "contradicted", "; ".join(against)
    if open_:
        shown = f"reasoning gains {where}{alone}{_beyond(gain)}, but " if gained > 0 and lost == 0 else ""
        return "undetermined", shown + "; ".join(open_)
    return "supported", (
        f"the upper half of the blocks brings the gain in reasoning{alone}, the lower half the loss of knowledge, and nothing "
        "speaks for another order of the two"
    )


def _gain(reasoning: Mapping[str, Any], words: Mapping[str, Any] | None, where: str) -> tuple[int, str]:
    """(sign of the change of reasoning, why no gain is shown). Generated answers count before those at the prompts.

    They are another measure: what they say stands only as far as what is shown at the prompts is not the opposite alone.
    """
    none = f"no gain in reasoning is shown {where}"
    if words is None:
        return claimed(reasoning), f"{none} {why_not(reasoning, 1)}"
    accuracy = words["accuracy"]
    borne, sign = sign_of(accuracy), claimed_by_generated(accuracy, reasoning)
    if borne and not sign:
        often = "more" if borne > 0 else "less"
        return (
            0,
            f"the measures of reasoning disagree: it is answered {often} often in generated answers, but {denial(borne, reasoning)}",
        )
    return sign, f"{none} {why_not_alone(accuracy, 1)}"


def _loss(knowledge: Mapping[str, Any]) -> tuple[int, str]:
    """(sign of the change of knowledge, why no loss is shown). A fall that may be one of format is no loss of knowledge."""
    sign = claimed(knowledge)
    if sign < 0 and (instead := format_instead("knowledge", knowledge)) is not None:
        return 0, f"knowledge items are answered less often, but {instead}"
    return sign, f"no loss of knowledge is shown {why_not(knowledge, -1)}"


def asked_to_generate(comparison: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Generated answers to problems like those trained on; None where they weren't measured in base and distilled model."""
    of_split: Mapping[str, Any] | None = (comparison.get("generated") or {}).get(SPLIT)
    return of_split if of_split is not None and of_split["accuracy"]["change"] is not None else None


def halves_by_generated(comparison: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """How the halves of the blocks share what is gained on the problems of `asked_to_generate`; None: not measured there."""
    of_model = (comparison["kinds"].get("reasoning", {}).get("upper_minus_lower") or {}).get("distilled") or {}
    entry: Mapping[str, Any] | None = of_model.get("generated")
    return entry if entry is not None and entry.get("split", SPLIT) == SPLIT else None


def _half(of_kind: Mapping[str, Any], measure: str) -> int:
    """1 where the upper half brings more of a change, −1 the lower, 0 not shown. Of that change: another one's is no evidence.

    `accuracy` of layer swaps is the one by likelihood, one of those that a claimed change is borne by.
    """
    of_model = (of_kind.get("upper_minus_lower") or {}).get("distilled") or {}
    entry = of_model.get(measure) or {}
    if measure == "generated" and entry.get("split", SPLIT) != SPLIT:
        return 0
    apart = entry.get("upper_minus_lower")
    if apart is None or not excludes_zero(apart):
        return 0
    return 1 if apart["value"] > 0 else -1


def _order(comparison: Mapping[str, Any]) -> str | None:
    order = (comparison.get("order") or {}).get("base") or {}
    verdict: str | None = order.get("verdict")
    return verdict


def _beyond(accuracy: Mapping[str, Any]) -> str:
    return ", against the control model too" if accuracy["difference_in_differences"] else ""
