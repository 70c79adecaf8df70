"""What a terminal says of a comparison between its headline and its caveats: the sentences of the page, and the shares of right generated answers."""

from __future__ import annotations

from collections.abc import Iterator

from strata.dashboards.sentences.compared_behaviour import behaviour_lines
from strata.dashboards.sentences.comparison import verdict_sentences
from strata.dashboards.sentences.comparison_reasons import ALL, split_words
from strata.dashboards.sentences.steering import steering_sentences
from strata.dashboards.visible_text import path_free
from strata.experiments.results.answer_measures import GENERATED
from strata.experiments.results.comparison import Comparison


def told(comparison: Comparison) -> Iterator[str]:
    """Line by line."""
    for role, check in comparison.pair_check.items():
        yield f"{role}: is the base its base? {check.verdict}"
    yield from (path_free(sentence) for sentence in verdict_sentences(comparison))
    generated = comparison.generated
    for split, answers in {
        **({} if generated.overall is None else {ALL: generated.overall}),
        **generated.splits,
    }.items():
        means = ((role, answers.accuracy.of(role)) for role in comparison.models)
        shares = ", ".join(f"{role} {mean.value or 0.0:.0%}" for role, mean in means if mean is not None)
        silent = ", ".join(f"{role} {sum(texts.values())}" for role, texts in answers.no_answer.items() if texts)
        without = f"; texts without an answer: {silent}" if silent else ""
        yield f"{GENERATED}, {split_words(split)}: {shares or 'not measured'}{without}"
    yield from behaviour_lines(comparison)
    if comparison.steering is not None:
        yield from steering_sentences(comparison.steering)
