"""What stands beside every measure of a `behave`: titles and caveats."""

from __future__ import annotations

from typing import assert_never

from strata.dashboards.number_formats import count
from strata.dashboards.sentences.chain_confidence import chain_confidence_sentences, options_not_read
from strata.dashboards.sentences.chain_depth import chain_depth_sentences, why_no_chains_words
from strata.dashboards.sentences.confidence import confidence_sentences
from strata.dashboards.sentences.fast_slow import fast_slow_sentences
from strata.dashboards.sentences.information_gain import gain_sentences, steps_too_long, why_no_steps
from strata.dashboards.sentences.item_exclusions import exclusion_words
from strata.dashboards.sentences.knowledge_index import index_sentences
from strata.dashboards.sentences.pressure import (
    carried_sentence,
    no_cells_words,
    not_pressed_words,
    pressure_sentences,
)
from strata.dashboards.sentences.run_caveats import caveat_sentence
from strata.experiments.results.behaviour_summary import BehaviourSummary
from strata.experiments.results.thinking_summary import NotThought, WhyNoThinking


def behave_title(model: str) -> str:
    """Of the page."""
    return f"What does {model} do when it answers, and where does that show?"


def behaviour_sentences(summary: BehaviourSummary) -> list[list[str]]:
    """Of every measure, part by part."""
    told, n_layers = summary.behaviour, summary.n_layers
    parts = [confidence_sentences(kind, part, n_layers) for kind, part in told.confidence.items()]
    parts += [pressure_sentences(kind, part, n_layers) for kind, part in told.pressure.kinds.items()]
    parts += [[carried_sentence(kind, cells)] for kind, cells in told.pressure.cells.items()]
    if told.chain_depth is not None:
        parts.append(chain_depth_sentences(told.chain_depth, n_layers))
    parts += [fast_slow_sentences(kind, part, n_layers) for kind, part in told.thinking.fast_slow.items()]
    for source, kinds in told.thinking.information_gain.items():
        parts += [gain_sentences(source, kind, part, n_layers) for kind, part in kinds.items()]
    for source, sure in told.thinking.confidence.items():
        parts += [chain_confidence_sentences(source, kind, part, n_layers) for kind, part in sure.items()]
    return parts + [index_sentences(kind, part, n_layers) for kind, part in told.thinking.knowledge_index.items()]


def behaviour_caveats(summary: BehaviourSummary) -> list[str]:
    """What the reader must know of the items and the run."""
    lines = [f"{count(n, 'item')} not asked: {exclusion_words(reason)}" for reason, n in summary.excluded.items()]
    if summary.without_options:
        lines.append(f"{count(summary.without_options, 'item')} without options to choose among: not counted here")
    lines += [
        f"{count(n, 'item')} without pressure: {not_pressed_words(why)}"
        for why, n in summary.behaviour.pressure.not_pressed.items()
    ]
    why_no_cells = summary.behaviour.pressure.why_no_cells
    if why_no_cells is not None:
        lines.append(f"What carries a wrong answer wasn't sought: {no_cells_words(why_no_cells)}")
    if summary.behaviour.why_no_chain_depth is not None:
        lines.append(f"Depth of a chain not measured: {why_no_chains_words(summary.behaviour.why_no_chain_depth)}")
    thinking = summary.behaviour.thinking
    lines += [] if thinking.why is None else [why_no_thinking(thinking.why)]
    lines += [
        f"{count(n, 'problem')} not asked fast and slow: {not_thought_words(why)}"
        for why, n in thinking.not_asked.items()
    ]
    lines += [
        steps_too_long(source, n)
        for source, n in thinking.steps_too_long.items()
        if source not in thinking.why_no_steps
    ]
    lines += [
        options_not_read(source, kind, n)
        for source, kinds in thinking.options_not_read.items()
        for kind, n in kinds.items()
    ]
    lines += [why_no_steps(source, why) for source, why in thinking.why_no_steps.items()]
    return [*lines, *(caveat_sentence(caveat) for caveat in summary.warnings)]


def why_no_thinking(why: WhyNoThinking) -> str:
    """As a sentence."""
    match why.code:
        case "not-asked-for":
            reason = "it wasn't asked for"
        case "no-problems":
            reason = "the items hold no problem for it"
        case "no-closing-tag":
            reason = "the chat template opens a think block whose closing tag isn't known; give --think-tags OPEN,CLOSE"
        case "tags-not-writable":
            reason = "the tokenizer can't write the think tags; give --think-tags OPEN,CLOSE"
        case _:
            assert_never(why.code)
    return f"Thinking wasn't measured: {reason}"


def not_thought_words(why: NotThought) -> str:
    """As a clause."""
    match why:
        case "context-too-short":
            return "with a chain of thought they are longer than the model's context"
        case _:
            assert_never(why)
