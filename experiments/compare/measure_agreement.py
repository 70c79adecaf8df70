"""Do the measures of the answers bear a change? Only where the interval of every one does is it called a gain or a loss.

One training can make the answer likelier than its foil and less often the likeliest choice. Whoever looks at one of the
measures alone would claim what another one denies. A measure shows *up* or *down* where its 95 % interval leaves 0 out; else
it shows nothing, whatever the sign of its point estimate, which is that of noise.
"""

from __future__ import annotations

from collections.abc import Mapping

from strata.experiments.results.answer_measures import AGREEING
from strata.experiments.results.comparison import Agreement, AnswerChange, ComparedKind, FormatApart
from strata.experiments.results.comparison_reasons import Lacking
from strata.experiments.results.estimates import Contrasted
from strata.experiments.results.roles import CHANGES, CLAIMED_ON, Contrast

Signs = Mapping[str, int]
"""By measure what it shows: 1, −1, or 0 for nothing."""


def agreement(change: AnswerChange) -> dict[Contrast, Agreement]:
    """By contrast: what every measure shows, what all show (else 0), and whether two show opposites."""
    return {
        name: Agreement(sign=_shared(signs), opposite=opposite(signs), signs=signs)
        for name in CHANGES
        if (signs := shown(change, name))
    }


def shown(change: AnswerChange, contrast: Contrast) -> dict[str, int]:
    """By measure: 1 or −1 where its interval leaves 0 out, else 0. `accuracy` is the one that decides for these items."""
    # The accuracy that decides is one of the others where a single measure decided for all items.
    names: list[str] = [measure.name for measure in AGREEING]
    if len(change.decided_by) != 1 or next(iter(change.decided_by)) not in names:
        names = ["accuracy", *names]
    estimates = {name: change.measure(name).of(contrast) for name in names}
    return {
        name: estimate.side
        for name, estimate in estimates.items()
        if estimate is not None and estimate.value is not None
    }


def claimed(change: AnswerChange) -> int:
    """1 for a gain, −1 for a loss: every measure shows it from the base and, with a control model, against the control too.

    0 else, also where only one measure was taken.
    """
    signs = {_shared(by_measure) for by_measure in shown_by_contrast(change).values()}
    several = len(shown(change, "change")) > 1
    return signs.pop() if several and len(signs) == 1 else 0


def claimed_as_asked(change: AnswerChange, format: FormatApart | None) -> int:
    """What is claimed of the numbers as asked: only what stands beyond the format too."""
    sign = claimed(change)
    return sign if format is None or format.claimed == sign else 0


def claimed_beyond_format(of_kind: ComparedKind) -> int:
    """The same where each model is asked in the way that suits it best: what comes back there was not lost. As asked where only that was."""
    return claimed(judged(of_kind))


def judged(of_kind: ComparedKind) -> AnswerChange:
    """The change that claims are made of: each model in its best way, where they were asked in several."""
    return of_kind if of_kind.format is None else of_kind.format.best


def sign_of(accuracy: Contrasted) -> int:
    """Of one measure alone: 1 or −1 where a change leaves 0 out and, with a control model, so does what is left beyond it."""
    signs = {side(accuracy, name) for name in borne_on(accuracy)}
    return signs.pop() if accuracy.change is not None and len(signs) == 1 else 0


def borne_on(accuracy: Contrasted) -> list[Contrast]:
    """The contrasts that have to bear a change of one measure."""
    return [name for name in CLAIMED_ON if accuracy.of(name) is not None]


def shown_by_contrast(change: AnswerChange) -> dict[Contrast, Signs]:
    """What the measures show in the contrasts that a claim stands on. Against the control an absent measure shows nothing."""
    from_base = shown(change, "change")
    beyond = shown(change, "difference_in_differences")
    by_contrast: dict[Contrast, Signs] = {"change": from_base} if from_base else {}
    return by_contrast | ({"difference_in_differences": dict.fromkeys(from_base, 0) | beyond} if beyond else {})


def claimed_by_generated(accuracy: Contrasted, at_prompts: AnswerChange) -> int:
    """What generated answers bear by themselves, unless all that anything at the prompts shows is the opposite."""
    sign = sign_of(accuracy)
    return 0 if sign and denied_by(sign, at_prompts) else sign


def denied_by(sign: int, at_prompts: AnswerChange) -> dict[Contrast, tuple[str, ...]]:
    """By contrast the measures at the prompts that show the opposite of `sign`; empty where any shows the same."""
    by_contrast = shown_by_contrast(at_prompts)
    if any(shown_sign == sign for signs in by_contrast.values() for shown_sign in signs.values()):
        return {}
    against = {
        contrast: tuple(name for name, shown_sign in signs.items() if shown_sign == -sign)
        for contrast, signs in by_contrast.items()
    }
    return {contrast: names for contrast, names in against.items() if names}


def lacking(change: AnswerChange, sign: int) -> tuple[Lacking, ...]:
    """Every contrast that doesn't bear a gain (`sign` 1) or a loss (−1), and why."""
    parts = tuple(
        _lacking(contrast, signs, sign)
        for contrast, signs in shown_by_contrast(change).items()
        if set(signs.values()) != {sign}
    )
    return parts or (Lacking(contrast=None, lack="more-than-one-measure"),)


def lacking_alone(accuracy: Contrasted, sign: int) -> tuple[Lacking, ...]:
    """The same of one measure that is judged by itself."""
    return tuple(
        Lacking(contrast=contrast, lack="nothing-shown")
        for contrast in borne_on(accuracy)
        if side(accuracy, contrast) != sign
    )


def side(measure: Contrasted, contrast: Contrast) -> int:
    """What one measure shows in a contrast."""
    estimate = measure.of(contrast)
    return 0 if estimate is None else estimate.side


def opposite(signs: Signs) -> bool:
    """Whether two measures show opposites."""
    return {1, -1} <= set(signs.values())


def _lacking(contrast: Contrast, signs: Signs, sign: int) -> Lacking:
    there = set(signs.values())
    if opposite(signs):
        return Lacking(contrast=contrast, lack="disagree")
    if there == {0}:
        return Lacking(contrast=contrast, lack="nothing-shown")
    missing = 0 if sign in there else -sign
    named = tuple(name for name, shown_sign in signs.items() if shown_sign == missing)
    return Lacking(contrast=contrast, lack="not-by-all" if sign in there else "opposite", measures=named)


def _shared(signs: Signs) -> int:
    return next(iter(signs.values())) if len(set(signs.values())) == 1 else 0
