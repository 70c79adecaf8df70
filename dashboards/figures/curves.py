"""How does what can be read change from layer to layer? Means of a probe or a lens with their bands, baselines in grey.

Kinds stand on one set of axes while they are two at most; more stand beside each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from strata.dashboards.figures.canvas import Canvas, axis_names, layout_name
from strata.dashboards.figures.figure_values import Block, Drawn, PlotlyObject, Table
from strata.dashboards.figures.groups import Group, shown_groups
from strata.dashboards.figures.lines import (
    KIND_STYLES,
    Curve,
    LineStyle,
    Panel,
    as_it_is,
    band_note,
    band_trace,
    baseline_trace,
    line_trace,
)
from strata.dashboards.figures.palette import PALETTES, Theme, plain
from strata.dashboards.sentences.figures.layers import DEPTH, STREAM, counted
from strata.dashboards.sentences.figures.read_outs import LOG_SCALE, measure_axis, onset_mark, reading_words
from strata.dashboards.view.choice_names import choice
from strata.dashboards.view.schema import View
from strata.dashboards.view.schema_parts import Axes, InstrumentLabel, MeasureLabel
from strata.dashboards.view.schema_places import OnsetView
from strata.dashboards.view.schema_readings import Series

_BASELINE_DASHES = {
    "chance": "dot",
    "shuffled": "dashdot",
    "control_accuracy": "dash",
    "embedding_only": "longdash",
    "random_init": "longdashdot",
    "null_logprob": "dash",
}
_RANKS = (0, 1, 10, 100, 1000, 10000, 100000)
_ONSETS = {"probe.linear": "probe", "lens.logit": "lens"}
"""By instrument: the read-out whose onset it gives."""


@dataclass(frozen=True)
class Reading:
    """Which curves are looked at."""

    instrument: str
    measure: str
    target: str | None
    """None: of a lens, which has neither target nor folds."""
    scheme: str | None
    position: str

    @property
    def words(self) -> str:
        return reading_words(self.position, self.target, self.scheme)


def readings_of(view: View) -> Iterator[Reading]:
    """Every choice for which a whole kind has a curve."""
    for instrument, label in view.labels.instruments.items():
        for measure in label.measures:
            mine = [s for s in view.series if (s.instrument, s.measure) == (instrument, measure) and s.family is None]
            lens = instrument.startswith("lens")
            targets: list[str | None] = (
                [None] if lens else [*dict.fromkeys(s.target for s in mine if s.target)] or [None]
            )
            schemes: list[str | None] = (
                [None] if lens else [*dict.fromkeys(s.scheme for s in mine if s.scheme)] or [None]
            )
            for position in dict.fromkeys(s.position for s in mine):
                yield from (Reading(instrument, measure, t, s, position) for t in targets for s in schemes)


def curves(view: View, reading: Reading, groups: Sequence[Group], theme: Theme = "light") -> Drawn | None:
    """None where no group has this curve. On a rank's axis the likeliest stands on top, in logarithmic steps."""
    found = _Found(view, reading)
    if not any(found.main(group) for group in groups):
        return None
    instrument, measure = view.labels.instruments[reading.instrument], view.labels.measures[reading.measure]
    palette = PALETTES[theme]
    canvas = Canvas(view.axes, palette)
    panels = [[group] for group in groups] if len(groups) > 2 else [list(groups)]
    several = len(panels) > 1
    y = _above_rank if measure.range == "rank" else as_it_is
    used: list[Series] = []
    aria: list[str] = []
    named: set[str] = set()
    for at, members in enumerate(panels):
        panel = axis_names(at + 1)
        for group in members:
            style = KIND_STYLES.get(group.kind, KIND_STYLES["control"])
            for name, words, series in found.baselines(group):
                used.append(series)
                thin = LineStyle("strong_line", _BASELINE_DASHES.get(name, "longdashdot"), style.symbol)
                canvas.data.append(
                    baseline_trace(
                        curve_of(series),
                        words,
                        thin,
                        panel,
                        palette,
                        y=y,
                        legendgroup=words,
                        showlegend=words not in named,
                    )
                )
                named.add(words)
            main = found.main(group)
            if main is None:
                continue
            used.append(main)
            aria.append(main.aria)
            canvas.data += band_trace(curve_of(main), palette.accent_shade, panel, y)
            name = counted(group.label, main.n_items, main.n_clusters)
            canvas.data.append(line_trace(curve_of(main), name, style, panel, palette, y=y))
            onset = found.onset(group)
            if onset is not None and onset.layer is not None:
                dash = "solid" if style.dash == "solid" else "dash"
                canvas.rule(panel, onset.layer, palette.accent, along="y", dash=dash)
                where = {
                    "xref": panel[0],
                    "yref": f"{panel[1]} domain",
                    "x": onset.layer,
                    "y": 1,
                    "yanchor": "bottom",
                    "xanchor": "center",
                }
                canvas.note(
                    plain(onset_mark(group.label, onset.layer)),
                    12,
                    palette.accent,
                    yshift=15 * members.index(group),
                    **where,
                )
        if several:
            canvas.note(
                f"<b>{plain(members[0].label)}</b>",
                13,
                xref=f"{panel[0]} domain",
                yref=f"{panel[1]} domain",
                x=0,
                y=1.09,
                xanchor="left",
                yanchor="bottom",
            )
        _axes(canvas, panel, at, len(panels), measure)
    title = f"{instrument.label}: {measure.label}, {reading.words}"
    margin = {"l": 68, "r": 16, "t": 58 if several else 44, "b": 104}
    return canvas.drawn(
        title, ". ".join(aria), band_note(map(curve_of, used)), _table(used, view.axes), height=430, margin=margin, hovermode="x unified",
        showlegend=True, legend=canvas.legend(-0.17),
    )  # fmt: skip


def curve_of(series: Series) -> Curve:
    return Curve(
        series.axis,
        series.layer,
        series.mean,
        series.low,
        series.high,
        series.n_items,
        series.n_clusters,
        series.method,
        series.aria,
    )


def _above_rank(rank: float) -> float:
    """A logarithmic axis has no 0."""
    return rank + 1


@dataclass(frozen=True)
class _Found:
    """The series of a reading, and what it is held against."""

    view: View
    reading: Reading

    def main(self, group: Group) -> Series | None:
        return self._series(self.reading.instrument, self.reading.measure, group)

    def baselines(self, group: Group) -> Iterator[tuple[str, str, Series]]:
        """Name, words and curve: other measures of the instrument, then the same measure of other instruments."""
        labels = self.view.labels
        instrument: InstrumentLabel = labels.instruments[self.reading.instrument]
        of_measure = [
            (self.reading.instrument, name, labels.references[name])
            for name in labels.measures[self.reading.measure].references
        ]
        of_others = [(name, self.reading.measure, labels.instruments[name].label) for name in instrument.references]
        for where, name, words in (*of_measure, *of_others):
            series = self._series(where, name, group)
            if series is not None:
                yield name, words, series

    def onset(self, group: Group) -> OnsetView | None:
        """The one that the verdict names, where these curves are the ones it was found on."""
        defaults = self.view.labels.defaults
        read_out = _ONSETS.get(self.reading.instrument)
        of_default = (self.reading.target, self.reading.scheme) == (defaults.target, defaults.scheme)
        if group.family is not None or read_out is None or (read_out == "probe" and not of_default):
            return None
        kinds = [kind for kind in self.view.verdict.kinds if kind.kind == group.kind]
        return next((onset for kind in kinds for onset in kind.onsets if onset.instrument == read_out), None)

    def _series(self, instrument: str, measure: str, group: Group) -> Series | None:
        lens, reading = instrument.startswith("lens"), self.reading
        for series in self.view.series:
            if (
                (series.instrument, series.measure, series.kind, series.family) == (instrument, measure, group.kind, group.family)
                and (lens or (series.target in (None, reading.target) and series.scheme in (None, reading.scheme)))
                and series.position == reading.position
            ):  # fmt: skip
                return series
        return None


def _axes(canvas: Canvas, panel: Panel, at: int, panels: int, measure: MeasureLabel) -> None:
    palette, several = canvas.palette, panels > 1
    share = 1 / panels
    domain = [at * share + (0.02 if at else 0), (at + 1) * share - (0.01 if at < panels - 1 else 0)]
    titles = (STREAM, DEPTH) if several else canvas.layer_titles("stream")
    spikes: PlotlyObject = {
        "showspikes": True,
        "spikemode": "across",
        "spikethickness": 1,
        "spikedash": "dot",
        "spikecolor": palette.strong_line,
    }
    canvas.layer_axis(layout_name(panel[0]), "stream", *titles, domain=domain, nticks=7 if several else 20, **spikes)
    more = {"anchor": panel[0], "showticklabels": not at, **({"matches": "y"} if at else {})}
    if measure.range == "rank":
        texts = [str(rank) if rank < 1000 else f"{rank // 1000}k" for rank in _RANKS]
        more |= {"type": "log", "autorange": "reversed", "tickvals": [rank + 1 for rank in _RANKS], "ticktext": texts}
    elif measure.range is not None:
        more["range"] = [measure.range[0] - 0.03, measure.range[1] + 0.03]
    unit = LOG_SCALE if measure.range == "rank" else measure.unit
    canvas.axis(layout_name(panel[1]), "" if at else measure_axis(measure.label, unit), **more)
    if measure.line is not None:
        canvas.rule(panel, measure.line.value, palette.strong_line)
        if not at:
            canvas.note(
                plain(measure.line.text),
                12,
                palette.muted,
                xref=f"{panel[0]} domain",
                yref=panel[1],
                x=0.005,
                y=measure.line.value,
                xanchor="left",
                yanchor="bottom",
            )


def _table(used: Sequence[Series], axes: Axes) -> Table:
    head = (
        "instrument",
        "measure",
        "kind",
        "family",
        "target",
        "folds",
        "position",
        "axis",
        "layer",
        "depth",
        "mean",
        "low",
        "high",
        "items",
        "clusters",
        "method",
    )
    blocks = [
        Block((s.instrument, s.measure, s.kind, s.family, s.target, s.scheme, s.position, s.axis, [str(layer) for layer in s.layer],
               [axes.of(s.axis).depth[layer] for layer in s.layer], s.mean, s.low, s.high, str(s.n_items), str(s.n_clusters), s.method))
        for s in used
    ]  # fmt: skip
    return Table(head, tuple(blocks))


def all_curves(view: View, theme: Theme = "light") -> dict[str, Drawn]:
    """By what the page's lists are set to: `GROUPS|INSTRUMENT|MEASURE|TARGET|FOLDS|POSITION`; empty where there is no such list."""
    drawn = {}
    for reading in readings_of(view):
        lists = (reading.instrument, reading.measure, reading.target, reading.scheme, reading.position)
        for name, groups in shown_groups(view).items():
            figure = curves(view, reading, groups, theme)
            if figure is not None:
                drawn[choice(name, *lists)] = figure
    return drawn
