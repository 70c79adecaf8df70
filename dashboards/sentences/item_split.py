"""What does a split of questions into reasoning and knowledge say, and can it be trusted? For the terminal."""

from __future__ import annotations

from typing import assert_never

from strata.dashboards.number_formats import count, interval, listed, number
from strata.dashboards.sentences.confidence import estimated
from strata.dashboards.visible_text import visible
from strata.experiments.results.item_split import Classified, Gap, ItemSplit, WhyNotCorrected

CLASSIFIERS = ("classifier", "accuracy", "AUC", "AUC within length")
"""Headings of the first table."""
QUARTILES = ("length in words", "questions", "reasoning", "form alone", "classifier")
"""Headings of the second."""
QUARTILE_TITLE = "AUC within quartiles of length"


def split_title(split: ItemSplit) -> str:
    """Of the first table."""
    return (
        f"{count(split.labelled, 'labelled question')} of {visible(split.labels_from)} in {count(split.clusters, 'cluster')}: "
        f"{split.labelled_reasoning} {visible(split.reasoning)}, {split.labelled - split.labelled_reasoning} "
        f"{visible(split.knowledge)}; on clusters held out"
    )


def classifier_rows(split: ItemSplit) -> list[tuple[str, ...]]:
    """Majority, form alone, the classifier."""
    return [
        ("majority", number(split.majority), "0.50", "0.50"),
        ("form alone", *_scores(split.form)),
        (f"form and {visible(split.encoder)}", *_scores(split.classifier)),
    ]


def quartile_rows(split: ItemSplit) -> list[tuple[str, ...]]:
    """One a quartile."""
    return [
        (
            f"{one.shortest}–{one.longest}",
            str(one.questions),
            str(one.reasoning),
            estimated(one.form),
            estimated(one.classifier),
        )
        for one in split.quartiles
    ]


def split_sentences(split: ItemSplit) -> list[str]:
    """What it is a split by; the share called reasoning, raw and corrected; the gap; what was written."""
    lines = [_by(split), _share(split)]
    if split.gap is not None:
        lines.append(_gap(split.gap, split))
    if split.written is not None:
        lines.append(f"{count(split.written, 'item')} in {visible(split.out or '')}, their kind by label or split")
    return lines


def _scores(scores: Classified) -> tuple[str, str, str]:
    return estimated(scores.accuracy), estimated(scores.auc), estimated(scores.auc_within_length)


def _by(split: ItemSplit) -> str:
    ends = interval(split.beyond_form.low, split.beyond_form.high, 3)
    beyond = f"AUC within length {number(split.beyond_form.value, 3)} {ends} above that of form alone"
    match split.split_by:
        case "reads-beyond-length":
            return f"Among questions of similar length the classifier reads more than their form: {beyond}."
        case "length-split":
            return f"This split is a length split: among questions of similar length no more than form is shown to be read ({beyond})."
        case "undecided":
            return f"Whether this split reads more than form can't be judged (fewer than eight clusters of a label); {beyond}."
        case _:
            assert_never(split.split_by)


def _share(split: ItemSplit) -> str:
    whose = "labelled questions, each by a classifier that hasn't seen it" if split.of_labelled else "split questions"
    raw = (
        f"Called reasoning: {estimated(split.share)} of {count(split.split, 'question')} ({whose}); sensitivity {estimated(split.sensitivity)}, "
        f"specificity {estimated(split.specificity)}"
    )
    if split.why_not_corrected is not None:
        return f"{raw}. Nothing is corrected: {_why_not(split.why_not_corrected, split)}."
    assert split.prevalence is not None and split.ppv is not None
    assert split.npv is not None and split.shrinkage is not None
    return (
        f"{raw}. Corrected share {estimated(split.prevalence)}; of those called reasoning {estimated(split.ppv)} are, of those called "
        f"knowledge {estimated(split.npv)}, so a gap between the two shrinks to {estimated(split.shrinkage)} of itself."
    )


def _why_not(why: WhyNotCorrected, split: ItemSplit) -> str:
    match why.code:
        case "other-source":
            names = listed([visible(name) for name in why.sources])
            return (
                f"the labels come from another source than the questions of {names}, where the classifier may err otherwise; label "
                "some of these"
            )
        case "no-discrimination":
            return (
                "sensitivity and specificity don't surely add up to more than 1, which naming kinds by chance reaches"
            )
        case "share-outside":
            low = None if split.specificity.value is None else 1 - split.specificity.value
            return (
                f"a share outside {interval(low, split.sensitivity.value)} (1 − specificity to sensitivity) can't come about with these "
                "errors, so they are others here"
            )
        case "too-few-clusters":
            return "fewer than eight clusters leave its errors unknown"
        case _:
            assert_never(why.code)


def _gap(gap: Gap, split: ItemSplit) -> str:
    raw = f"Right answers, knowledge less reasoning: {estimated(gap.raw)} by the split, {estimated(gap.within_length)} within quartiles of length"
    if gap.corrected is None:
        return f"{raw}; not corrected."
    unbounded = (
        "" if gap.corrected.low is not None or split.share.low is None else " (no interval: the draws don't bound it)"
    )
    return f"{raw}, {estimated(gap.corrected)}{unbounded} corrected, if the classifier errs on easy and hard questions alike."
