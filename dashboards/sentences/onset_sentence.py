"""Where can the answers of a kind be read? What is read need not be used."""

from __future__ import annotations

from strata.dashboards.sentences.instruments import instrument_label
from strata.dashboards.sentences.localisation import Sentence
from strata.experiments.items.schema import KINDS, KNOWLEDGE_AND_REASONING
from strata.experiments.results.locate_summary import Instrument, KindSummary, Summary


def readings_sentence(summary: Summary) -> Sentence:
    """Knowledge and reasoning, or the first two kinds; the table of kinds has depth, interval and n of every onset."""
    asked = [kind for kind in KINDS if kind in summary.kinds]
    shown = [kind for kind in asked if kind in KNOWLEDGE_AND_REASONING] or asked[:2]
    if not shown:
        return Sentence("readings", "No items were asked", ", so nothing can be said.")
    clauses = [f"on {kind} items the answer is {_clause(summary.kinds[kind])}" for kind in shown]
    return Sentence("readings", "Beside it", f": {'; '.join(clauses)}.")


def _clause(kind: KindSummary) -> str:
    read_outs = (
        (kind.instruments.probe, instrument_label("probe.linear"), "decodable"),
        (kind.instruments.lens, instrument_label("lens.logit"), "readable"),
    )
    return " and ".join(_found(instrument, label, word) for instrument, label, word in read_outs)


def _found(instrument: Instrument | None, label: str, word: str) -> str:
    if instrument is None or instrument.onset is None:
        return f"not looked for by the {label.lower()}"
    stream = instrument.onset.layer
    return f"{word} at no stream" if stream is None else f"{word} from stream {stream}"
