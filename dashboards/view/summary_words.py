"""What does summary.json say of one kind of item, in a line each? In the terminal and in a notebook."""

from __future__ import annotations

from typing import Any

from strata.experiments.answer_measures import ANSWERED_RIGHT, deciding_label


def answered_words(kind_summary: dict[str, Any]) -> str:
    """The share answered right, by which measure, and how many items the curves rest on."""
    if kind_summary["accuracy"] is None:
        return "none could be asked"
    by = deciding_label(kind_summary.get("decided_by") or {})
    return f"{kind_summary['accuracy']:.0%} {ANSWERED_RIGHT} ({by}), {kind_summary['used']} used"


def located_words(kind_summary: dict[str, Any]) -> str:
    """The block with its interval and support, or why there is none."""
    located = kind_summary["located"]
    if located is None:
        return f"{'not located' if kind_summary.get('sought', True) else 'not looked for'}: {kind_summary['why_not_located']}"
    band = "" if located["interval"] is None else f" [{', '.join(f'{end:.0f}' for end in located['interval'])}]"
    return (
        f"located in block {located['layer']}{band}, depth {located['depth']:.2f} "
        f"(p = {located['p']:.2g}, {located['n']} pairs in {located['clusters']} clusters)"
    )


def instrument_words(instrument: dict[str, Any]) -> str:
    """The onset of a read-out, the place of an intervention, or why there is none."""
    return _onset_words(instrument) if "onset" in instrument else _place_words(instrument)


def _place_words(instrument: dict[str, Any]) -> str:
    if instrument["layer"] is None:
        return f"no place: {instrument.get('reason', 'no block stands out')}"
    band = "" if instrument["interval"] is None else f" [{', '.join(f'{end:.0f}' for end in instrument['interval'])}]"
    return f"block {instrument['layer']}{band}, peak {instrument['peak']:.2f}, p = {instrument['p']:.2g}"


def _onset_words(instrument: dict[str, Any]) -> str:
    onset = instrument["onset"]
    if onset is None:
        return f"no onset sought: {instrument['reason']}"
    if onset["layer"] is None:
        return f"no onset (n = {onset['n']})"
    interval = onset["interval"]
    ends = [str(end) if end is not None else "none" for end in interval or ()]
    band = f" [{', '.join(ends)}]" if ends else ", no interval (fewer than 8 clusters)"
    return f"from stream {onset['layer']}{band}, depth {onset['depth']:.2f} (n = {onset['n']})"
