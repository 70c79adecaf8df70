"""What is said of planted pairs: a table by what changed, one by pair, and a sentence for every report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

from strata.dashboards.sentences.shares import share_words
from strata.experiments.results.calibration import Alarm, ComparedPair, ComparisonRecord, PlantedChange, Share

_CHANGES: Mapping[PlantedChange | Literal["all"], str] = {
    "facts table": "other facts",
    "reasoning table": "other results of reasoning",
    "moved": "answered by another block or position",
    "learnt": "a third of the entities learnt",
    "lost": "a third of the entities lost",
    "jitter": "nothing: weights a thousandth off",
    "filler": "nothing: what isn't planted drawn anew",
    "format": "only the format of the answer",
    "bias": "one answer likelier whatever is asked",
    "all": "all pairs",
}
_ALARMS: Mapping[Alarm, str] = {
    "claimed": "a gain or a loss",
    "kind-moved": "a kind deeper or shallower",
    "family-moved": "a family answered elsewhere",
    "cell-changed": "a cell",
    "other-cell-changed": "another cell or block of a family that moved",
}
CHANGE_HEADS = (
    "what differs", "pairs", "right cell and block", "another", "silent", "gain and loss right", "format told right",
    "stayed", "false alarms", "failed",
)  # fmt: skip
PAIR_HEADS = ("planted pair", "what differs", "type", "blocks", "named", "false alarms", "seconds")


def change_row(record: ComparisonRecord) -> tuple[str, ...]:
    """Under `CHANGE_HEADS`."""
    shares = (record.named, record.wrong, record.silent, record.claims, record.formats, record.stayed, record.alarms)
    return (_CHANGES[record.change], str(record.pairs), *(_counted(one) for one in shares), str(record.failed))


def pair_row(pair: ComparedPair) -> tuple[str, ...]:
    """Under `PAIR_HEADS`."""
    named = ", ".join(f"{count} {said}" for said, count in Counter(pair.named).items())
    alarms = "; ".join(_ALARMS[alarm] for alarm in pair.alarms)
    return (
        pair.name, _CHANGES[pair.change], pair.architecture, str(pair.n_layers), named or "–", alarms or "none",
        f"{pair.seconds:.0f}",
    )  # fmt: skip


def compared_sentence(records: Sequence[ComparisonRecord]) -> str | None:
    """Of all pairs; None where none were compared."""
    whole = next((one for one in records if one.change == "all"), records[0] if len(records) == 1 else None)
    if whole is None:
        return None
    named = (
        f"named the right cell and blocks in {share_words(whole.named)} of {whole.named.of} changes, others in {whole.wrong.part}, and "
        if whole.named.of
        else ""
    )
    return (
        f"Of {whole.alarms.of} pairs of planted models that differ in one known thing, or in nothing that matters, a comparison {named}"
        f"said of {share_words(whole.alarms)} that something changed which didn't."
    )


def _counted(share: Share) -> str:
    if share.interval is None:
        return "–"
    low, high = share.interval
    return f"{share.part} of {share.of} ({low:.0%}–{high:.0%})"
