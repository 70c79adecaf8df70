"""What does the page show for this run? Puts the parts of the view together and checks them against the schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from strata.dashboards.sentences.calibration import kept_sentence
from strata.dashboards.sentences.framing import asked_words
from strata.dashboards.sentences.page_parts import (
    BLOCK_AXIS,
    EMPTY_LENS_MAPS,
    NO_LENS_MAPS,
    STREAM_AXIS,
    locate_title,
)
from strata.dashboards.sentences.provenance import items_words
from strata.dashboards.sentences.read_out_measures import BASELINES
from strata.dashboards.view.behaviour import build_behaviour
from strata.dashboards.view.causal import build_causal, is_causal
from strata.dashboards.view.causal_labels import CAUSAL_INSTRUMENTS
from strata.dashboards.view.causal_maps import build_causal_maps
from strata.dashboards.view.curves import build_series, default_choice
from strata.dashboards.view.emergence import emergence_state
from strata.dashboards.view.item_effects import item_effects
from strata.dashboards.view.items import build_items, with_read_maps
from strata.dashboards.view.labels import EXPECTED_INSTRUMENTS, INSTRUMENTS, MEASURES
from strata.dashboards.view.lens import READ, PackedReads, pack_maps, pack_reads, read_lens_maps, read_position_maps
from strata.dashboards.view.look_next import look_next
from strata.dashboards.view.maps import build_maps
from strata.dashboards.view.provenance import build_provenance, framing_of
from strata.dashboards.view.run_head import failed_self_test, model_label, stamps
from strata.dashboards.view.schema import SCHEMA_NAME, Labels, ModelView, RunView, Sizes, View
from strata.dashboards.view.schema_causal import CausalView
from strata.dashboards.view.schema_parts import Axes, InstrumentLabel, LayerAxis, Stated
from strata.dashboards.view.schema_readings import LensState
from strata.dashboards.view.shared_answer_prefix import shared_prefix_note
from strata.dashboards.view.stages import build_stages
from strata.dashboards.view.tables import RunTables, read_run
from strata.dashboards.view.verdict import build_verdict
from strata.experiments.calibrate.shipped_record import shipped_record
from strata.experiments.items.schema import KINDS
from strata.experiments.results.kinds import Localisation

SOURCES: Mapping[str, str] = {
    "verdict.kinds[].onsets": "summary.json kinds.*.instruments.*.onset",
    "verdict.kinds[].items, used, accuracy": "summary.json kinds.*",
    "verdict.caveats": "summary.json warnings; behaviour.parquet; curves.parquet; format_check.json; manifest.json",
    "behaviour.rows[].accuracy, low, high": "summary.json families.*.behaviour.by_likelihood; behaviour.parquet correct_by_likelihood",
    "behaviour.rows[].decides": "summary.json families.*.behaviour.accuracy, chance, decided_by",
    "behaviour.rows[].choice_accuracy": "summary.json families.*.behaviour.by_choice; behaviour.parquet correct_by_choice",
    "behaviour.rows[].onsets": "locations.parquet layer, depth, low, high",
    "series[].mean, low, high": "curves.parquet mean, low, high",
    "maps[].rows[].value": "curves.parquet mean minus baseline mean (base)",
    "maps[].rows[].low, high": "curves.parquet low, high of the measure before the baseline is taken off",
    "verdict.sentences": "summary.json kinds.*.located, why_not_located, order, hypothesis; kinds.*.instruments",
    "verdict.kinds[].place, located, why": "summary.json kinds.*.located, why_not_located",
    "verdict.headline": "summary.json kinds.*.located, why_not_located, order",
    "verdict.evidence": "summary.json families.*.place, kinds.*.located, kinds.*.cells",
    "verdict.short_caveats": "verdict.caveats",
    "look_next[]": "profiles.parquet value of activation patching, measure gained; summary.json kinds.*.located, families.*.place",
    "localisation": "summary.json families.*, kinds.*.cells, located, handover",
    "localisation.head_maps": "heads.parquet; summary.json families.*.head_sets",
    "causal.lines[].mean, low, high": "curves.parquet mean, low, high of activation patching, ablation and damage",
    "causal.items[].values": "profiles.parquet value of activation patching",
    "causal.pairs": "summary.json families.*.pairs, offered",
    "run.asked": "manifest.json config.framing",
    "items.columns": "behaviour.parquet; emergence from emergence.parquet, rows of the definition settled",
    "effects.cells[].gained": "profiles.parquet value of activation patching, measure gained, in steps of effects.step",
    "emergence.kinds[].counts": "emergence.parquet stream, rows of the definition settled",
    "lens_index": "lens_maps.json, lens_maps.safetensors",
    "lens_read": "lens_maps.json read; lens_maps.safetensors read.*",
    "provenance": "manifest.json",
    "run.read_at": "behaviour.parquet n_fed",
}


@dataclass(frozen=True)
class Report:
    """Everything `report.html` is made of."""

    view: View
    blobs: Mapping[str, bytes]
    """Lens-map key: gzip of its planar arrays; of the maps of the read positions, which share a key, all in one."""
    localisation: Localisation | None
    """Where answers are made; None: by the withdrawn rule."""


def build_view(run_dir: Path) -> View:
    """`view.json` of a run directory. Raises StrataError naming the file that is absent or broken."""
    return build_report(run_dir).view


def build_report(run_dir: Path) -> Report:
    """The view together with the bytes of its lens maps."""
    run = read_run(run_dir)
    packed, vocabulary = pack_maps(read_lens_maps(run))
    readings = [r for r in run.curves or [] if not is_causal(r)]
    series = build_series(readings)
    behaviour = build_behaviour(run)
    mapped = {p.entry.item: p.entry.key for p in reversed(packed)}
    causal = build_causal(run, [p.entry.item for p in packed])
    items = build_items(run, mapped)
    kept = None if run.lens_maps is None else run.lens_maps.read
    reads = None if kept is None else pack_reads(read_position_maps(run, set(items.columns.item)), kept.positions)
    blobs = {p.entry.key: p.blob for p in packed}
    if reads is not None:
        items, blobs[READ] = with_read_maps(items, reads.rows), reads.blob
    localisation = None if run.summary.withdrawn else run.summary.localisation
    spans = {} if localisation is None else {n: f.span for n, f in localisation.families.items() if f.span is not None}
    effects = item_effects(run_dir, items.columns.item, run.n_layers).model_copy(update={"spans": spans})
    view = View(
        schema=SCHEMA_NAME,
        run=_run(run),
        models=(_model(run),),
        axes=axes_of(run.n_layers),
        labels=Labels(
            kinds=KINDS, instruments=_instruments(causal), expected=EXPECTED_INSTRUMENTS, measures=MEASURES,
            references=BASELINES, defaults=default_choice(readings),
        ),
        verdict=build_verdict(run, behaviour.rows),
        look_next=look_next(localisation, effects, items.columns),
        localisation=build_stages(run.summary, run.heads),
        comparability=(),
        calibration=Stated(state="not_run" if shipped_record() is None else "ok", text=kept_sentence(shipped_record())),
        behaviour=behaviour,
        series=tuple(series),
        maps=(*build_causal_maps(causal, behaviour.rows, run.n_layers), *build_maps(series, behaviour.rows)),
        causal=causal,
        emergence=emergence_state(run),
        items=items,
        effects=effects,
        lens=_lens_state(run, len(packed), reads),
        lens_index=tuple(p.entry for p in packed),
        lens_vocabulary=tuple(vocabulary),
        lens_read=None if reads is None else reads.view,
        format_check=None if run.format_check is None else run.format_check.contrasts,
        provenance=build_provenance(run.manifest, items_words(run.manifest.items.n or len(run.behaviour), run.manifest.items.by_kind)),
        sources=SOURCES,
        sizes=Sizes(lens_bytes=sum(map(len, blobs.values())), lens_maps=len(packed)),
    )  # fmt: skip
    return Report(view, blobs, localisation)


def axes_of(n_layers: int) -> Axes:
    """Both layer axes with the depth of every index."""
    return Axes(
        n_layers=n_layers,
        stream=LayerAxis(
            label=STREAM_AXIS,
            count=n_layers + 1,
            depth=tuple(round(s / n_layers, 5) for s in range(n_layers + 1)),
        ),
        block=LayerAxis(
            label=BLOCK_AXIS, count=n_layers, depth=tuple(round((b + 0.5) / n_layers, 5) for b in range(n_layers))
        ),
    )


def _instruments(causal: CausalView) -> dict[str, InstrumentLabel]:
    """Interventions first, each with the measures that it has in this run."""
    shown = {
        name: label.model_copy(update={"measures": causal.measures.get(name, ())})
        for name, label in CAUSAL_INSTRUMENTS.items()
        if name != "damage"
    }
    return shown | INSTRUMENTS


def _run(run: RunTables) -> RunView:
    m = run.manifest
    stamped = stamps(m, limited=m.limited, failed=failed_self_test(m), quick=run.summary.quick)
    return RunView(
        run_id=m.run_id,
        verb=m.verb or "locate",
        title=locate_title(model_label(run.manifest)),
        started=m.started,
        ended=m.ended or "",
        status=m.status,
        limited=m.limited,
        asked=asked_words(framing_of(m.config or {})),
        read_at=shared_prefix_note(run.behaviour),
        badges=stamped,
    )


def _model(run: RunTables) -> ModelView:
    m, checkpoint = run.manifest, run.manifest.checkpoint
    return ModelView(
        key="A", label=model_label(run.manifest), n_layers=run.n_layers, d_model=checkpoint.d_model or None,
        vocab_size=checkpoint.vocab_size or None, weights_sha256=checkpoint.weights_sha256 or None, dtype=m.dtype or None,
        device=m.device,
    )  # fmt: skip


def _lens_state(run: RunTables, n: int, reads: PackedReads | None) -> LensState:
    if run.lens_maps is None:
        return LensState(state="not_run", text=NO_LENS_MAPS, rule="")
    if n == 0 and reads is None:
        return LensState(state="empty", text=EMPTY_LENS_MAPS, rule=run.lens_maps.rule)
    return LensState(state="ok", text="", rule=run.lens_maps.rule)
