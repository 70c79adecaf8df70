"""Does reasoning training help in upper blocks and hurt knowledge in lower ones? Each part needs an interval that bears it."""

from __future__ import annotations

from collections.abc import Mapping

from strata.experiments.compare.measure_agreement import (
    claimed,
    claimed_beyond_format,
    claimed_by_generated,
    denied_by,
    judged,
    lacking,
    lacking_alone,
    sign_of,
)
from strata.experiments.generated_answers.problems import Split
from strata.experiments.items.schema import Kind
from strata.experiments.results.comparison import (
    ComparedKind,
    Generated,
    GeneratedSplit,
    HalvedBy,
    Halves,
    HypothesisDecision,
)
from strata.experiments.results.comparison_reasons import Against, HypothesisReason, Open
from strata.experiments.results.kinds import Order
from strata.experiments.results.roles import BASE, DISTILLED, Role

SPLIT: Split = "test"
"""Problems with generated answers that the gain is measured on: like those that were trained on."""
Kinds = Mapping[Kind, ComparedKind]


def hypothesis_of(kinds: Kinds, generated: Generated, order: Mapping[Role, Order]) -> HypothesisDecision:
    """Supported, contradicted or undetermined; and why, from what comparison.json holds."""
    reasoning, knowledge = kinds.get("reasoning", ComparedKind()), kinds.get("knowledge", ComparedKind())
    written = generated_like_trained(generated)
    gain = reasoning.accuracy if written is None else written.accuracy
    absent = [
        kind
        for kind, there in (("reasoning", written is not None or reasoning.items), ("knowledge", knowledge.items))
        if not there
    ]
    if absent:
        return _open(HypothesisReason(code="not-asked", kinds=tuple(absent)))
    changes = gain.change, knowledge.accuracy.change
    if any(change is None for change in changes):
        return _open(HypothesisReason(code="not-measured"))
    if any(change is not None and change.low is None for change in changes):
        return _open(HypothesisReason(code="too-few-clusters"))
    (gained, no_gain), (lost, no_loss) = _gain(reasoning, written), _loss(knowledge)
    brings_gain = _half(reasoning, "accuracy" if written is None else "generated")
    brings_loss = _half(knowledge, "accuracy")
    contrary: list[tuple[bool, Against]] = [
        (gained < 0, "reasoning-falls"),
        (lost > 0, "knowledge-rises"),
        (gained > 0 and brings_gain < 0, "lower-half-gains"),
        (lost < 0 and brings_loss > 0, "upper-half-loses"),
        (BASE in order and order[BASE].verdict == "reasoning-first", "order-reversed"),
    ]
    against = tuple(HypothesisReason(code=code) for holds, code in contrary if holds)
    missing: list[tuple[bool, HypothesisReason]] = [
        (gained == 0, no_gain),
        (lost == 0, no_loss),
        (gained > 0 and brings_gain == 0, HypothesisReason(code="gain-unshared")),
        (lost < 0 and brings_loss == 0, HypothesisReason(code="loss-unshared")),
    ]
    wanting = tuple(reason for holds, reason in missing if holds)
    return HypothesisDecision(
        hypothesis="contradicted" if against else "undetermined" if wanting else "supported",
        by="prompts" if written is None else "generated",
        gain=gained,
        loss=lost,
        reasons=against or wanting,
    )


def _open(reason: HypothesisReason) -> HypothesisDecision:
    return HypothesisDecision(hypothesis="undetermined", reasons=(reason,))


def _gain(reasoning: ComparedKind, written: GeneratedSplit | None) -> tuple[int, HypothesisReason]:
    """(sign of the change of reasoning, why no gain is shown). Generated answers count before those at the prompts.

    They are another measure: what they say stands only as far as what is shown at the prompts is not the opposite alone.
    """
    if written is None:
        return _beyond_format(reasoning, 1, "no-gain-shown")
    at_prompts = judged(reasoning)
    borne, sign = sign_of(written.accuracy), claimed_by_generated(written.accuracy, at_prompts)
    if borne and not sign:
        return 0, HypothesisReason(code="ways-disagree", sign=borne, denied=denied_by(borne, at_prompts))
    return sign, HypothesisReason(code="no-gain-shown", lacking=lacking_alone(written.accuracy, 1))


def _loss(knowledge: ComparedKind) -> tuple[int, HypothesisReason]:
    """(sign of the change of knowledge, why no loss is shown). A fall that is gone in another way of asking is no loss of knowledge."""
    sign, no_loss = _beyond_format(knowledge, -1, "no-loss-shown")
    if not sign and claimed(knowledge) < 0:
        return 0, HypothesisReason(code="format-instead")
    return sign, no_loss


def _beyond_format(of_kind: ComparedKind, sign: int, code: Open) -> tuple[int, HypothesisReason]:
    """(sign of what is claimed where each model is asked in its best way, why a gain or a loss is not)."""
    return claimed_beyond_format(of_kind), HypothesisReason(code=code, lacking=lacking(judged(of_kind), sign))


def generated_like_trained(generated: Generated) -> GeneratedSplit | None:
    """Generated answers to problems like those trained on; None where they weren't measured in base and distilled model."""
    of_split = generated.splits.get(SPLIT)
    return of_split if of_split is not None and of_split.accuracy.change is not None else None


def halves_by_generated(reasoning: ComparedKind, role: Role = DISTILLED) -> Halves | None:
    """How the halves of the blocks of `role` share what is gained on problems like those trained on; None: not measured there."""
    entry = reasoning.upper_minus_lower.get(role, {}).get("generated")
    return entry if entry is not None and (entry.split or SPLIT) == SPLIT else None


def _half(of_kind: ComparedKind, measure: HalvedBy) -> int:
    """1 where the upper half brings more of a change, −1 the lower, 0 not shown. Of that change: another one's is no evidence.

    `accuracy` of layer swaps is the one by likelihood, one of those that a claimed change is borne by.
    """
    if measure == "generated":
        entry = halves_by_generated(of_kind)
    else:
        entry = of_kind.upper_minus_lower.get(DISTILLED, {}).get(measure)
    apart = None if entry is None else entry.upper_minus_lower
    return 0 if apart is None else apart.side
