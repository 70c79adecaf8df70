"""What does a run directory hold? Its summary, tables and items in Python, checked before they are handed out."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from strata.dashboards.figures.palette import Theme
from strata.dashboards.figures.stage_map import stage_map
from strata.dashboards.figures.themes import in_theme
from strata.dashboards.from_python.run_html import run_html
from strata.experiments.items.jsonl import read_items
from strata.experiments.items.schema import Item
from strata.experiments.results.behaviour_summary import BehaviourSummary
from strata.experiments.results.comparison import Comparison
from strata.experiments.results.kinds import Localisation
from strata.experiments.results.locate_summary import Summary
from strata.experiments.results.probe_summary import ProbeSummary
from strata.experiments.results.sweep import SweepResult
from strata.experiments.run.files import table_of
from strata.experiments.run.finished import FinishedRun, finished_run
from strata.experiments.run.manifest import Manifest
from strata.experiments.run.summary_file import SUMMARISED, comparison_result_of
from strata.probes.errors import StrataError

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go
    import pyarrow as pa

    from strata.dashboards.figures.figures_of_run import FiguresOfRun
    from strata.dashboards.view.lens import LensMap


@dataclass(frozen=True, repr=False)
class Run:
    """A finished run of `locate`, `compare`, or of `strata probe`, `behave` or `sweep`; a notebook shows its verdict, its stage map, its families and kinds, and a link to its page."""

    directory: Path
    """Where it lies; copy or share it whole."""
    finished: FinishedRun
    """Its files as they were checked."""
    models: dict[str, Run] = field(default_factory=dict)
    """Of a comparison: the run of each of its models by role. Otherwise empty."""

    @property
    def verb(self) -> str:
        """`locate`, `compare`, `probe`, `behave` or `sweep`."""
        return self.finished.manifest.verb

    @property
    def manifest(self) -> Manifest:
        """manifest.json: command, configuration, seeds, versions, checkpoint, times, warnings."""
        return self.finished.manifest

    @cached_property
    def summary(self) -> Summary | ProbeSummary | BehaviourSummary | SweepResult:
        """summary.json of a `locate`, a `probe` or a `behave`, sweep.json of a `sweep`, field by field; `.as_json()` makes a dictionary of it.

        Raises StrataError for a comparison, each of whose models has one, and for a field that isn't what the schema says.
        """
        if self.models:
            raise StrataError(
                f"{self.directory} is a comparison and has no summary of its own",
                f"Read .comparison, or .models[{next(iter(self.models))!r}].summary",
            )
        return SUMMARISED[self.verb](self.finished.result)

    @cached_property
    def comparison(self) -> Comparison:
        """comparison.json of a `compare`. Raises StrataError for another run, and for a field that isn't what the schema says."""
        if not self.models:
            raise StrataError(f"{self.directory} is a run of {self.verb}: nothing is compared in it", "Read .summary")
        return comparison_result_of(self.finished.result)

    @property
    def localisation(self) -> Localisation:
        """What the interventions of a `locate` say, typed: families, kinds, order, hypothesis.

        Raises StrataError for another run.
        """
        summary = None if self.models else self.summary
        if not isinstance(summary, Summary) or summary.withdrawn:
            raise StrataError(
                f"{self.directory} is a run of {self.verb} without places of the present rule", "Give one of locate"
            )
        return summary.localisation

    def stage_map(self, family: str | None = None, theme: Theme = "light") -> go.Figure:
        """Where answers are made: kinds beside their controls, or one family. See `strata.dashboards.figures.stage_map`.

        Raises StrataError for a run that isn't one of `locate` and for a family that it doesn't hold.
        """
        localisation = self.localisation
        if family is not None and family not in localisation.families:
            raise StrataError(
                f"{self.directory} has no family {family!r}", f"Choose among: {', '.join(localisation.families)}"
            )
        return stage_map(localisation, family, theme)

    @cached_property
    def figures(self) -> FiguresOfRun:
        """All that the page shows, as `strata report --figures` writes it."""
        from strata.dashboards.figures.figures_of_run import figures_of_run

        return figures_of_run(self.directory)

    def figure_choices(self, view: str | None = None) -> tuple[str, ...]:
        """Names of the page's views, or of a view's figures: what the lists above it are set to.

        Raises StrataError for a view that the run doesn't have.
        """
        if view is None:
            return tuple(name for name, choices in self.figures.figures.items() if choices)
        return tuple(self.figures.figures[_one_of(view, self.figure_choices(), "view")])

    def figure(
        self, view: str, choice: str | None = None, theme: Theme = "light", *, as_depth: bool = False
    ) -> go.Figure:
        """The figure of a view, by default what the page shows first.

        `as_depth`: layers counted from 0 to 1. Raises StrataError for a view or a choice that the run doesn't have.
        """
        choices = self.figure_choices(view)
        widths = self.figures.figures[view][
            choices[0] if choice is None else _one_of(choice, choices, f"figure of {view}")
        ]
        return in_theme(widths["wide"], theme).figure(as_depth=as_depth)

    @cached_property
    def mapped_items(self) -> tuple[str, ...]:
        """Items whose lens map the run kept: those that `lens_map` draws, the ones with a whole map first."""
        return tuple(self._lens_maps)

    @cached_property
    def _lens_maps(self) -> Mapping[str, LensMap]:
        from strata.dashboards.view.lens import read_lens_maps, read_position_maps
        from strata.dashboards.view.tables import read_run

        run = read_run(self.directory)
        return {one.item: one for one in (*read_lens_maps(run), *read_position_maps(run))}

    def lens_map(self, item: str, metric: str = "top1", theme: Theme = "light") -> go.Figure:
        """What every stream would say after every token of an item's prompt, or after those at the positions that the run read.

        `metric`: a key of `sentences.figures.read_outs.METRICS`. Raises StrataError for an item whose map the run didn't keep and
        for a metric that the map doesn't hold.
        """
        from strata.dashboards.figures.lens_map import lens_map
        from strata.dashboards.sentences.figures.read_outs import METRICS
        from strata.dashboards.view.build import axes_of

        maps = self._lens_maps
        if item not in maps:
            near = difflib.get_close_matches(item, maps, 1)
            raise StrataError(
                f"{self.directory} kept no lens map of {item!r}",
                f"Did you mean {near[0]}?" if near else f"It kept those of {len(maps)} items: see mapped_items",
            )
        shown = maps[item]
        try:
            return lens_map(shown, axes_of(len(shown.top_ids) - 1), metric, theme).figure()
        except KeyError as error:
            raise StrataError(
                f"The lens map of {item!r} has no {metric!r}", f"Choose among: {', '.join(METRICS)}"
            ) from error

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the tables; their columns are explained in docs/tables.md."""
        return self.finished.tables

    def table(self, name: str) -> pa.Table:
        """A table as Arrow. Raises StrataError for an unknown name, DamagedError where it isn't what the run wrote."""
        if name not in self.tables:
            near = difflib.get_close_matches(name, self.tables, 1)
            hint = f"Did you mean {near[0]}?" if near else f"Choose among: {', '.join(self.tables)}"
            raise StrataError(f"{self.directory} has no table {name!r}", hint)
        return table_of(self.directory, name)

    def to_pandas(self, name: str | None = None) -> pd.DataFrame:
        """A table as a pandas DataFrame. Raises as `table`, and StrataError with the tables' names where none is given."""
        if name is None:
            raise StrataError(f"{self.directory} holds several tables", f"Name one of them: {', '.join(self.tables)}")
        return self.table(name).to_pandas()

    @property
    def items(self) -> list[Item]:
        """What was asked, as it was asked. Raises StrataError for a `probe`, which reads any table, and for a `sweep`, which holds many runs."""
        if self.verb == "sweep":
            raise StrataError(
                f"{self.directory} is a sweep, whose runs have items of their own",
                "Load one of its runs: strata.load_run(run.directory / run.summary.runs[0].directory)",
            )
        if self.verb == "probe":
            raise StrataError(
                f"{self.directory} probes texts and labels of a table, which are no items",
                "Read .to_pandas('predictions'), or its items.jsonl",
            )
        return read_items(self.directory / "items.jsonl")

    @property
    def report(self) -> Path | None:
        """The page that opens by double click; None where it hasn't been made (`strata report` makes it)."""
        page = self.directory / "report.html"
        return page if page.exists() else None

    def __repr__(self) -> str:
        return f"<Run {self.directory}: strata {self.verb}, {len(self.tables)} tables>"

    def _repr_html_(self) -> str:
        return run_html(self.finished, self.report)


def _one_of(name: str, names: Sequence[str], what: str) -> str:
    if name not in names:
        near = difflib.get_close_matches(name, names, 1)
        raise StrataError(
            f"The run has no {what} {name!r}",
            f"Did you mean {near[0]}?" if near else f"Choose among: {', '.join(names)}",
        )
    return name


def load_run(directory: str | Path) -> Run:
    """Reads the run directory that `locate`, `compare` or the terminal left.

    Every file is held against the checksum that the run recorded. Raises StrataError where there is no run or it isn't
    finished, DamagedError where a file isn't what the run wrote.

    >>> import strata
    >>> made = strata.locate("smollm2", "runs/first", items=["capital"], per_family=6, lens_maps=0, causal_map="none",
    ...                      quick=True)
    >>> run = strata.load_run("runs/first")
    >>> run.tables
    ('behaviour', 'profiles', 'emergence', 'probes', 'curves', 'locations', 'windows', 'places', 'heads')
    >>> run.to_pandas("behaviour")[["item", "answered"]].shape
    (6, 2)
    >>> run.summary.kinds["knowledge"].items
    6
    >>> run.figure("emergence").layout.xaxis.title.text
    'stream from which the answer stays the likeliest token'
    """
    finished = finished_run(Path(directory))
    return Run(finished.directory, finished, {role: load_run(model) for role, model in finished.models.items()})
