"""Lens and interventions by layer in both models and their difference: the lines, and which readings can be chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from strata.dashboards.sentences.instruments import instrument_label
from strata.dashboards.sentences.intervention_measures import COMPONENTS
from strata.dashboards.sentences.layer_changes import CONTRASTS, NO_READING, change_aria, excluded_layers_words
from strata.dashboards.view.causal_labels import order_measures
from strata.dashboards.view.choice_names import choice
from strata.dashboards.view.comparison.files import ComparisonRun
from strata.dashboards.view.comparison.gathered_lines import Columns, covers_zero, drawn_or_why, gathered
from strata.dashboards.view.comparison.schema_lines import ChangeLine, ChangesView, ReadingView
from strata.dashboards.view.labels import kind_order, measure_named
from strata.dashboards.view.maps import symmetric_limit

_AXES: tuple[Literal["stream", "block"], ...] = ("stream", "block")


def build_changes(run: ComparisonRun) -> ChangesView:
    """Lines by contrast, reading, component and kind."""
    rows = run.rows("changes")
    lines: list[ChangeLine] = []
    for axis in _AXES:
        columns = Columns(
            key=("contrast", "instrument", "measure", "position", "component", "kind"), values=("difference", "low", "high"),
            axis=axis, extra=("before", "after"),
        )  # fmt: skip
        lines += [_told(line) for line in gathered(ChangeLine, [row for row in rows if row["axis"] == axis], columns)]
    lines.sort(key=lambda line: (kind_order(line.kind), _component_order(line.component)))
    drawn = drawn_or_why(bool(lines), run, ("layers",), NO_READING)
    return ChangesView(
        state=drawn.state, text=drawn.text, contrasts=CONTRASTS, components=COMPONENTS, readings=_readings(lines),
        lines=tuple(lines),
    )  # fmt: skip


def _told(line: ChangeLine) -> ChangeLine:
    dim = covers_zero(line)
    apart = [layer for layer, covers in zip(line.layer, dim, strict=True) if not covers]
    aria = change_aria(line.contrast, line.kind, line.n_items, excluded_layers_words(line.axis, apart))
    return line.model_copy(update={"dim": dim, "aria": aria})


def _component_order(component: str | None) -> int:
    order: list[str | None] = list(COMPONENTS)
    return order.index(component) if component in order else 9


def _readings(lines: Sequence[ChangeLine]) -> tuple[ReadingView, ...]:
    groups: dict[tuple[str, str, str], list[ChangeLine]] = {}
    for line in lines:
        groups.setdefault((line.instrument, line.measure, line.position), []).append(line)
    readings = [_reading(*reading, members) for reading, members in groups.items()]
    orders = {
        name: order_measures(name, {reading.measure for reading in readings if reading.instrument == name})
        for name in {reading.instrument for reading in readings}
    }
    instruments = {"patching": 0, "ablation": 1}
    positions = ("spans", "last", "all")

    def place(reading: ReadingView) -> tuple[int, int, int]:
        at = positions.index(reading.position) if reading.position in positions else len(positions)
        return instruments.get(reading.instrument, 2), orders[reading.instrument].index(reading.measure), at

    return tuple(sorted(readings, key=place))


def _reading(instrument: str, measure: str, position: str, members: Sequence[ChangeLine]) -> ReadingView:
    meta = measure_named(instrument, measure)
    values = [v for line in members for side in (line.before, line.after) for v in side if v is not None]
    limit, clipped = symmetric_limit([v for line in members for v in line.mean])
    sequential = measure == "answer_logprob"
    high, beyond = (max(values), 0) if sequential else symmetric_limit(values)
    return ReadingView(
        id=reading_id(instrument, measure, position), instrument=instrument, measure=measure, position=position,
        axis=members[0].axis, label=meta.label, unit=meta.unit,
        instrument_label=instrument_label(instrument), sequential=sequential,
        limits=(min(values) if sequential else -high, high), clipped=beyond,
        change_limits=(-limit, limit), change_clipped=clipped,
        components=tuple(dict.fromkeys(line.component for line in members if line.component)),
    )  # fmt: skip


def reading_id(instrument: str, measure: str, position: str) -> str:
    """What the page's lists call a reading."""
    return choice(instrument, measure, position)


def without_less_telling(changes: ChangesView) -> ChangesView:
    """The more telling half of the readings, at least one, and their lines: the lens before the interventions."""
    ranked = sorted(changes.readings, key=lambda reading: not reading.instrument.startswith("lens."))
    kept = {reading.id for reading in ranked[: max(1, len(ranked) // 2)]}
    readings = tuple(reading for reading in changes.readings if reading.id in kept)
    lines = tuple(line for line in changes.lines if reading_id(line.instrument, line.measure, line.position) in kept)
    return changes.model_copy(update={"readings": readings, "lines": lines})
