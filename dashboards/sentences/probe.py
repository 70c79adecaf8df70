"""What does a probe run say, in a few sentences? The same for the terminal and the page."""

from __future__ import annotations

from strata.dashboards.number_formats import count, interval, listed, number, two_digits
from strata.dashboards.sentences.run_caveats import caveat_sentence
from strata.dashboards.visible_text import visible
from strata.experiments.results.probe_summary import BestStream, LabelCount, PositionSummary, ProbeSummary
from strata.experiments.results.record import Measured


def sentences(summary: ProbeSummary, position: str) -> list[str]:
    """What was probed; the best stream; the controls; where it rises above them; what was excluded and is to be known."""
    result = summary.positions[position]
    lines = [_what(summary, position, result), _best(summary, result.best), _controls(result), _rise(result)]
    excluded = {**summary.excluded, **result.excluded}
    if excluded:
        lines.append("Excluded: " + "; ".join(f"{count(n, 'item')}, {reason}" for reason, n in excluded.items()) + ".")
    return [*lines, *(f"{note}." for note in result.notes)]


def caveats(summary: ProbeSummary) -> list[str]:
    """What stands beside them."""
    return [caveat_sentence(warning) for warning in summary.warnings]


def _what(summary: ProbeSummary, position: str, result: PositionSummary) -> str:
    classes = [f"{_label(entry)} {entry.items}" for entry in result.classes[:6]]
    more = f" and {len(result.classes) - 6} more" if len(result.classes) > 6 else ""
    groups = f" in {count(result.clusters, 'cluster')}" if summary.clustered else ""
    return (
        f"{visible(summary.target)} at {visible(position)}: {count(result.items, 'item')}{groups}, "
        f"{count(len(result.classes), 'label')} ({', '.join(classes)}{more})"
    )


def _best(summary: ProbeSummary, best: BestStream) -> str:
    sure = ", no p (--shuffles 0)" if best.p is None else f", {_p_words(best.p, best.shuffles)}"
    alone = (
        " The interval is that of this stream alone; only p accounts for choosing the best." if best.interval else ""
    )
    return (
        f"Best stream: {best.stream} of 0–{summary.checkpoint.n_layers}, accuracy {_with_interval(best)} on held-out "
        f"{'clusters' if summary.clustered else 'items'}{sure}.{alone}"
    )


def _p_words(p: float, shuffles: int) -> str:
    """p with what it is of."""
    return f"p = {two_digits(p)} against the best stream of each of {count(shuffles, 'shuffle')} of the labels"


def _with_interval(estimate: Measured) -> str:
    """A value and its interval, as far as there is one."""
    low, high = estimate.interval or (None, None)
    band = interval(low, high)
    return f"{number(estimate.value)}{f' {band}' if band else ''}"


def _controls(result: PositionSummary) -> str:
    controls = [f"majority {number(result.majority)}"]
    if result.embedding is not None:
        controls.append(f"embedding alone {_with_interval(result.embedding)}")
    if result.shuffled is not None:
        null = result.shuffled
        controls.append(
            f"shuffled labels {number(null.best_mean)} at their best stream, 95 % below {number(null.best_95)} "
            f"(the true ones {number(null.true_labels_best)} on the same folds)"
        )
    if result.random_init is not None:
        controls.append(f"random weights {_with_interval(result.random_init)} at stream {result.random_init.stream}")
    if result.template is not None:
        template = result.template
        controls.append(
            f"on held-out templates {_with_interval(template.accuracy)}, control task {number(template.control.value)}, "
            f"selectivity {_with_interval(template.selectivity)}"
        )
    return f"Controls: {'; '.join(controls)}."


def _rise(result: PositionSummary) -> str:
    rises = result.rises
    above = listed(rises.above)
    if not rises.sought:
        return f"Where it rises above its controls was not sought: that needs three streams and eight clusters ({count(result.clusters, 'cluster')} here)."
    if rises.stream is None:
        return f"It rises above its controls ({above}) at no stream."
    low, high = rises.interval or (None, None)
    band = f" [{low if low is not None else 'none'}, {high if high is not None else 'none'}]"
    return f"It rises above its controls ({above}) from stream {rises.stream}{band} on, depth {number(rises.depth)}."


def _label(entry: LabelCount) -> str:
    text = visible(str(entry.label))
    return text if len(text) <= 24 else f"{text[:23]}…"
