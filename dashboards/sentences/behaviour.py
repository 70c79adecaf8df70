"""What stands beside every measure of a `behave`: titles and caveats."""

from __future__ import annotations

from strata.dashboards.sentences.chain_depth import why_no_chains_words
from strata.dashboards.sentences.item_exclusions import exclusion_words
from strata.dashboards.sentences.pressure import no_cells_words, not_pressed_words
from strata.dashboards.sentences.run_caveats import caveat_sentence
from strata.dashboards.text import count
from strata.experiments.results.behaviour_summary import BehaviourSummary


def behave_title(model: str) -> str:
    """Of the page."""
    return f"What does {model} do when it answers, and where does that show?"


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
    return [*lines, *(caveat_sentence(caveat) for caveat in summary.warnings)]
