"""What does the page of a `behave` show? A section a measure: the number, then its curve by stream beside the control."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq

from strata.dashboards.sentences import pressure as pressure_words
from strata.dashboards.sentences.behaviour import behave_title, behaviour_caveats
from strata.dashboards.sentences.confidence import (
    AS_SURE_AS_RIGHT,
    CHANCE,
    NULL,
    OWN,
    PANELS,
    confidence_sentences,
    why_no_layers,
)
from strata.dashboards.sentences.pressure import (
    AFTER,
    NEITHER,
    NO_GAIN,
    carried_sentence,
    pressure_sentences,
    why_no_pressure_layers,
)
from strata.dashboards.sentences.provenance import items_words
from strata.dashboards.view.behave.chain_depth import chain_depth_view, chain_views
from strata.dashboards.view.behave.lines import line_of
from strata.dashboards.view.behave.pressure_cell_rows import carried_rows
from strata.dashboards.view.behave.schema import (
    BEHAVE_VIEW_SCHEMA,
    BehaveView,
    ConfidenceView,
    LayerPanel,
    PressureView,
)
from strata.dashboards.view.behave.thinking import (
    chain_confidence_views,
    fast_slow_views,
    gain_views,
    index_views,
)
from strata.dashboards.view.build import axes_of
from strata.dashboards.view.provenance import build_provenance
from strata.dashboards.view.run_head import measured_model, model_label, run_head
from strata.experiments.items.schema import Kind
from strata.experiments.results.behaviour_summary import Pressure
from strata.experiments.results.behaviour_tables import BEHAVIOUR_LAYERS, BEHAVIOUR_TABLES, BehaviourLayerRow
from strata.experiments.results.confidence_summary import Confidence
from strata.experiments.results.file_versions import BEHAVE_SCHEMA
from strata.experiments.run.files import check_run, read_manifest, read_object
from strata.experiments.run.summary_file import behaviour_summary_of
from strata.probes.errors import StrataError


def build_behave_view(run_dir: Path) -> BehaveView:
    """Everything the page shows, from the run's tables. Raises StrataError for a missing or changed file."""
    if not (run_dir / "summary.json").exists():
        raise StrataError(
            f"The run in {run_dir} is not finished", "Start the same command again: it resumes where it was stopped"
        )
    manifest = read_manifest(run_dir)
    summary = behaviour_summary_of(read_object(run_dir / "summary.json", BEHAVE_SCHEMA))
    check_run(run_dir, manifest, [table.name for table in BEHAVIOUR_TABLES], ("items.jsonl", "summary.json"))
    rows = BEHAVIOUR_LAYERS.read(pq.read_table(run_dir / "behaviour_layers.parquet").to_pylist())
    return BehaveView(
        schema=BEHAVE_VIEW_SCHEMA,
        run=run_head(manifest, behave_title(model_label(manifest))),
        models=(measured_model(manifest),),
        axes=axes_of(summary.n_layers),
        confidence=tuple(
            _confidence(
                kind,
                confidence,
                summary.n_layers,
                [row for row in rows if (row.kind, row.measure) == (kind, "confidence")],
            )
            for kind, confidence in summary.behaviour.confidence.items()
        ),
        pressure=tuple(
            _pressure(
                kind, pressure, summary.n_layers, [row for row in rows if (row.kind, row.measure) == (kind, "pressure")]
            )
            for kind, pressure in summary.behaviour.pressure.kinds.items()
        ),
        carried=carried_rows(summary.behaviour.pressure.cells),
        carried_said=tuple(carried_sentence(kind, cells) for kind, cells in summary.behaviour.pressure.cells.items()),
        chain_depth=chain_depth_view(summary.behaviour.chain_depth, summary.n_layers),
        chain=chain_views(summary.behaviour.chain_depth, [row for row in rows if row.measure == "chain"]),
        fast_slow=fast_slow_views(summary.behaviour.thinking, summary.n_layers, rows),
        information_gain=gain_views(summary.behaviour.thinking, summary.n_layers, rows),
        chain_confidence=chain_confidence_views(summary.behaviour.thinking, summary.n_layers, rows),
        knowledge_index=index_views(summary.behaviour.thinking, summary.n_layers, rows),
        warnings=tuple(behaviour_caveats(summary)),
        provenance=build_provenance(manifest, items_words(summary.items, manifest.items.by_kind)),
        sizes={},
    )


def _confidence(kind: Kind, confidence: Confidence, n_layers: int, rows: Sequence[BehaviourLayerRow]) -> ConfidenceView:
    first, *others = confidence_sentences(kind, confidence, n_layers)
    guides = {"accuracy": (confidence.chance, CHANCE), "overconfidence": (0.0, AS_SURE_AS_RIGHT)}
    panels = []
    for quantity, title in PANELS.items():
        own = line_of([row for row in rows if (row.quantity, row.condition) == (quantity, "own")])
        if own is not None:
            null = line_of([row for row in rows if (row.quantity, row.condition) == (quantity, "other")])
            value, text = guides[quantity]
            panels.append(
                LayerPanel(
                    quantity=quantity,
                    title=title,
                    own=own,
                    own_name=OWN,
                    null=null,
                    null_name=NULL,
                    guide=value,
                    guide_text=text,
                )
            )
    why = "" if confidence.why_no_layers is None else why_no_layers(confidence.why_no_layers)
    return ConfidenceView(
        kind=kind, number=first, sentences=tuple(others), bins=confidence.bins, panels=tuple(panels), why_no_panels=why
    )


def _pressure(kind: Kind, pressure: Pressure, n_layers: int, rows: Sequence[BehaviourLayerRow]) -> PressureView:
    first, *others = pressure_sentences(kind, pressure, n_layers)
    controls = {"gain": ("other_wrong", NO_GAIN), "margin": ("neutral", NEITHER)}
    panels = []
    for quantity, title in pressure_words.PANELS.items():
        control, text = controls[quantity]
        own = line_of([row for row in rows if (row.quantity, row.condition) == (quantity, "wrong")])
        if own is not None:
            null = line_of([row for row in rows if (row.quantity, row.condition) == (quantity, control)])
            panels.append(
                LayerPanel(
                    quantity=quantity, title=title, own=own, own_name=AFTER["wrong"], null=null, null_name=AFTER[control], guide=0.0,
                    guide_text=text,
                )
            )  # fmt: skip
    why = "" if pressure.why_no_layers is None else why_no_pressure_layers(pressure.why_no_layers)
    return PressureView(kind=kind, number=first, sentences=tuple(others), panels=tuple(panels), why_no_panels=why)
