"""Words in figures of interventions: curves by block, maps of position and block, effects of one pair."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from strata.dashboards.number_formats import number
from strata.dashboards.sentences.figures.layers import NOT_RUN, counted, estimate_words, with_n
from strata.dashboards.sentences.figures.positions import position_words
from strata.dashboards.visible_text import visible
from strata.experiments.locate.causal.blank_cells import Blank

NO_DAMAGE = "Damage on neutral text: not run for this method and site."
DAMAGE_AXIS = "KL, nats a token"
BLANKS: Mapping[Blank, str] = {
    "unread": "can not matter: after the last block nothing carries this position on",
    "same": "can not matter: both prompts have the same token here",
    "not-run": NOT_RUN,
}
DIRECTIONS: Mapping[str, str] = {
    "denoise": "clean into corrupted (denoise)",
    "noise": "corrupted into clean (noise)",
}
MOVED = "share of the difference moved"
BLOCK_HOVER = "block %{x}: %{y:.2f}"


def curves_title(instrument: str, measure: str, site: str, position: str) -> str:
    """Of the curves by block."""
    return f"{instrument}: {measure}, {site}, {position_words(position)}"


def pairs_counted(group: str, n_pairs: int, n_units: int, *, of_kind: bool) -> str:
    """In a legend. `n_units`: families of a kind, entities of a family."""
    return counted(group, n_pairs, n_units, "pairs", "families" if of_kind else "entities")


def damage_name(n_texts: int) -> str:
    """In a legend."""
    return f"{with_n('damage on neutral text', n_texts)} texts"


def at_position(position: str) -> str:
    """Above a panel."""
    return f"at {position_words(position)}"


def pairs_of_kind(kind: str) -> str:
    """Whose means are shown."""
    return f"all {kind} pairs"


def pair_of_family(item: str, family: str) -> str:
    """Which pair is shown."""
    return f"{visible(item)} ({family})"


def map_note(single: bool, n: int, beyond: int, limit: float) -> str:
    """Beneath a map: of how many pairs, and how many cells lie beyond the colours."""
    on = "One pair" if single else f"Means over n {n} pairs at most; a position counts the pairs that have it"
    return on + (f"; {beyond} cells beyond ±{number(limit, 1)}" if beyond else "") + "."


def effect_words(value: float | None, low: float | None, high: float | None, n: int) -> str:
    """At a cell."""
    return with_n(estimate_words(value, low, high), n)


def map_aria(label: str, pairs: str, n: int, peaks: Iterable[tuple[str, str, int, str]]) -> str:
    """The map as a sentence. `peaks`: site, position, block and the highest effect there in words."""
    told = [f"Intervention map, {label}, {pairs}, {n} {'pair' if n == 1 else 'pairs'}"]
    told += [f"{site}: highest {said} at {position_words(at)}, block {block}" for site, at, block, said in peaks]
    return ". ".join(told)
