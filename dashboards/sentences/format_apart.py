"""What of a change is only the format, in sentences: every model in its best way of asking, the share that comes back, opening tags."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from strata.dashboards.number_formats import listed
from strata.dashboards.sentences.answer_changes import bearers, label_of
from strata.dashboards.sentences.changes_and_intervals import NEITHER, agreement_clauses, too, with_control
from strata.experiments.items.schema import Kind
from strata.experiments.results.comparison import ComparedKind, FormatApart
from strata.experiments.results.comparison_reasons import NoShare
from strata.experiments.results.estimates import Estimated
from strata.experiments.results.roles import ROLES, Role
from strata.experiments.results.ways_of_asking import AS_ASKED, EMPTY_BLOCK, Way

WAY_WORDS: Mapping[Way, str] = {
    "as_asked": "as asked",
    "empty_block": "behind an empty think block",
    "examples": "after answered examples",
}
"""To be read after `asked`."""
NO_SHARE: Mapping[NoShare, str] = {
    "not-measured": "one of the two models was not measured",
    "too-few-clusters": "too few clusters",
    "no-drop": "no drop is shown",
    "unbounded": "the drop is too small to share out",
    "no-better-way": "neither model does surely better asked in another way",
}


def format_sentences(kind: Kind, apart: FormatApart | None) -> Iterator[str]:
    """The change beyond the format and what it is borne by, the share that format explains, how often a tag is opened."""
    if apart is None or apart.best.accuracy.change is None:
        return
    named = label_of(apart.best, "accuracy")
    yield with_control(f"Beyond the format ({_chosen(apart)}), {named} of {kind} items", apart.best.accuracy)
    clauses = agreement_clauses(apart.best)
    yield from clauses
    if clauses:
        yield f"So {NEITHER} beyond the format."
    elif apart.claimed:
        yield f"Every measure shows it beyond the format{too(apart.best.accuracy)}: {bearers(apart.best)}."
    yield f"{shares_of_format(apart)}."
    opening = _opening(apart)
    if opening:
        yield f"{opening}."


def format_instead(of_kind: ComparedKind) -> str:
    """Why a fall is no loss."""
    assert of_kind.format is not None
    return f"where each model is asked in its best way no measure of all bears it: {shares_of_format(of_kind.format)}"


def shares_of_format(apart: FormatApart) -> str:
    """`format explains 85 % [60 %, 110 %] of the fall of accuracy by choice; of accuracy by likelihood no drop is shown`."""
    told, larger = [], []
    for name, measure in apart.measures.items():
        share = measure.format.share
        # The accuracy that decides is one of the others where that alone decided.
        if name != "accuracy" and label_of(apart.best, "accuracy") == label_of(apart.best, name):
            continue
        if share is not None and (share.value or 0.0) < 0:
            larger.append(label_of(apart.best, name))
        elif share is not None:
            told.append(f"{percent(share)} of the fall of {label_of(apart.best, name)}")
    none = f"none of the fall of {listed(larger)}, which is larger in the best ways than as asked" if larger else ""
    if told or none:
        return f"Format explains {', '.join([*told, *([none] if none else [])])}"
    codes = [measure.format.why.code for measure in apart.measures.values() if measure.format.why is not None]
    if "no-better-way" in codes:
        return f"That format explains any of the fall is not shown: {NO_SHARE['no-better-way']}"
    why: NoShare = "no-drop" if "no-drop" in codes or not codes else codes[0]
    return f"Whether format explains a fall is not defined: {NO_SHARE[why]}"


def percent(share: Estimated) -> str:
    """`85 % [60 %, 110 %]`, with a true minus."""
    ends = "" if share.low is None or share.high is None else f" [{100 * share.low:.0f} %, {100 * share.high:.0f} %]"
    return f"{100 * (share.value or 0.0):.0f} %{ends}".replace("-", "−")


def ways_words(chosen: tuple[Way, Way]) -> str:
    """`as asked`, or `as asked and behind an empty think block (half of the entities each)`."""
    first, second = (WAY_WORDS[way] for way in chosen)
    return first if first == second else f"{first} and {second} (half of the entities each)"


def chosen_words(chosen: Mapping[Role, tuple[Way, Way]]) -> str:
    """`base: as asked; distilled: behind an empty think block`: the best way of each model."""
    return "; ".join(f"{role}: {ways_words(ways)}" for role, ways in chosen.items())


def _chosen(apart: FormatApart) -> str:
    chosen = apart.measures["accuracy"].chosen
    told = (f"{role} {ways_words(chosen[role])}" for role in ROLES if role in chosen)
    return f"each model in its best way of asking, chosen on the other half of the entities: {', '.join(told)}"


def _opening(apart: FormatApart) -> str:
    """Only where some model opens tags at all."""
    if not apart.opens_tags:
        return ""
    told = []
    for way in (AS_ASKED, EMPTY_BLOCK):
        means = {role: mean.value for role in ROLES if (mean := apart.opening[way].of(role)) is not None}
        told.append(f"{', '.join(f'{role} {value or 0.0:.2f}' for role, value in means.items())} {WAY_WORDS[way]}")
    return f"The next token opens a tag with probability {'; '.join(told)}"
