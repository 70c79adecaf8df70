"""What does a probe run say, in a few sentences? The same for the terminal and the page."""

from __future__ import annotations

from typing import Any

from strata.dashboards.text import count, interval, listed, number, visible

Json = dict[str, Any]


def sentences(summary: Json, position: str) -> list[str]:
    """What was probed; the best stream; the controls; where it rises above them; what was excluded and is to be known."""
    result = summary["positions"][position]
    lines = [_what(summary, position, result), _best(summary, result), _controls(result), _rise(summary, result)]
    excluded = {**summary["excluded"], **result["excluded"]}
    if excluded:
        lines.append("Excluded: " + "; ".join(f"{count(n, 'item')}, {reason}" for reason, n in excluded.items()) + ".")
    return [*lines, *(f"{note}." for note in result["notes"])]


def _what(summary: Json, position: str, result: Json) -> str:
    classes = [f"{_label(entry['label'])} {entry['items']}" for entry in result["classes"][:6]]
    more = f" and {len(result['classes']) - 6} more" if len(result["classes"]) > 6 else ""
    groups = f" in {count(result['clusters'], 'cluster')}" if summary["clustered"] else ""
    return (
        f"{visible(summary['target'])} at {visible(position)}: {count(result['items'], 'item')}{groups}, "
        f"{count(len(result['classes']), 'label')} ({', '.join(classes)}{more})"
    )


def _best(summary: Json, result: Json) -> str:
    best = result["best"]
    sure = ", no p (--shuffles 0)" if best["p"] is None else f", {p_words(best)}"
    alone = (
        " The interval is that of this stream alone; only p accounts for choosing the best." if best["interval"] else ""
    )
    return (
        f"Best stream: {best['stream']} of 0–{summary['checkpoint']['n_layers']}, accuracy {with_interval(best)} on held-out "
        f"{'clusters' if summary['clustered'] else 'items'}{sure}.{alone}"
    )


def p_words(best: Json) -> str:
    """p with what it is of."""
    p = f"{best['p']:.2g}" if best["p"] < 0.1 else f"{best['p']:.2f}"
    return f"p = {p} against the best stream of each of {count(best['shuffles'], 'shuffle')} of the labels"


def with_interval(estimate: Json) -> str:
    """A value and its interval, as far as there is one."""
    low, high = estimate["interval"] or (None, None)
    band = interval(low, high)
    return f"{number(estimate['value'])}{f' {band}' if band else ''}"


def _controls(result: Json) -> str:
    controls = [f"majority {number(result['majority'])}"]
    if result["embedding"] is not None:
        controls.append(f"embedding alone {with_interval(result['embedding'])}")
    if result["shuffled"] is not None:
        null = result["shuffled"]
        controls.append(
            f"shuffled labels {number(null['best_mean'])} at their best stream, 95 % below {number(null['best_95'])} "
            f"(the true ones {number(null['true_labels_best'])} on the same folds)"
        )
    if result["random_init"] is not None:
        best = result["random_init"]
        controls.append(f"random weights {with_interval(best)} at stream {best['stream']}")
    if result["template"] is not None:
        control, selectivity = result["template"]["control"], result["template"]["selectivity"]
        controls.append(
            f"on held-out templates {with_interval(result['template']['accuracy'])}, control task {number(control['value'])}, "
            f"selectivity {with_interval(selectivity)}"
        )
    return f"Controls: {'; '.join(controls)}."


def _rise(summary: Json, result: Json) -> str:
    rises = result["rises"]
    above = listed(rises["above"])
    if not rises["sought"]:
        return f"Where it rises above its controls was not sought: that needs three streams and eight clusters ({count(result['clusters'], 'cluster')} here)."
    if rises["stream"] is None:
        return f"It rises above its controls ({above}) at no stream."
    low, high = rises["interval"]
    band = f" [{low if low is not None else 'none'}, {high if high is not None else 'none'}]"
    return (
        f"It rises above its controls ({above}) from stream {rises['stream']}{band} on, depth {number(rises['depth'])}."
    )


def _label(label: Any) -> str:
    text = visible(str(label))
    return text if len(text) <= 24 else f"{text[:23]}…"
