"""What does the page of a comparison show? Puts the parts of its view together."""

from __future__ import annotations

from collections.abc import Sequence

from strata.dashboards.number_formats import significant
from strata.dashboards.sentences.comparison_caveats import label_of, own_caveats
from strata.dashboards.sentences.framing import asked_words
from strata.dashboards.sentences.page_parts import compare_title
from strata.dashboards.view.build import axes_of
from strata.dashboards.view.comparison.answers import build_answers
from strata.dashboards.view.comparison.behaviour import build_behaviour
from strata.dashboards.view.comparison.cells import build_cells, build_model_maps
from strata.dashboards.view.comparison.files import ComparisonRun
from strata.dashboards.view.comparison.format_apart import build_format
from strata.dashboards.view.comparison.instruction_contrasts import build_contrasts
from strata.dashboards.view.comparison.items import build_items
from strata.dashboards.view.comparison.layer_changes import build_changes
from strata.dashboards.view.comparison.locations_and_halves import build_halves, build_locations
from strata.dashboards.view.comparison.probe_transfer import build_transfer
from strata.dashboards.view.comparison.problems import build_problems
from strata.dashboards.view.comparison.profile_similarity import build_likeness
from strata.dashboards.view.comparison.schema import (
    ComparisonView,
    LabelsView,
    ModelView,
    ProvenanceView,
    RunView,
)
from strata.dashboards.view.comparison.steering import build_steering
from strata.dashboards.view.comparison.stream_similarity import build_similarity
from strata.dashboards.view.comparison.swaps_and_patches import build_crossed, build_layer_swaps
from strata.dashboards.view.comparison.verdict import build_not_comparable, build_pair_check, build_verdict
from strata.dashboards.view.comparison.weight_maps import build_weights
from strata.dashboards.view.item_effects import item_effects
from strata.dashboards.view.provenance import (
    Fact,
    code_words,
    framing_facts,
    framing_of,
    from_manifest,
    shown_facts,
)
from strata.dashboards.view.run_head import stamps
from strata.dashboards.view.schema_effects import ItemEffects
from strata.experiments.items.schema import KINDS
from strata.experiments.results.roles import Role

SOURCES = {
    "verdict.headline, numbers, seeds": "comparison.json headline, seeds",
    "verdict.sentences, word, reason": "comparison.json kinds, generated, verdict",
    "verdict.short_caveats": "verdict.caveats",
    "verdict.caveats": "comparison.json caveats, warnings, not_comparable, pair_check; manifest.json self_tests of every model",
    "run.asked": "manifest.json config.locate.framing",
    "pair_check": "comparison.json pair_check; pair_check.json",
    "answers.kinds[].measures": "comparison.json kinds.*.accuracy, by_choice, by_likelihood, logit_difference, answer_logprob",
    "answers.kinds[].agreed, disagreement, shown_by": "comparison.json kinds.*.claimed, agreement",
    "format[].measures, opening": "comparison.json kinds.*.format; every item in every way in asked_ROLE.parquet",
    "problems": "comparison.json generated.families; answers_ROLE.parquet question, text, answer, right where counts",
    "behaviour": "comparison.json behaviour; behaviour_items.parquet and behaviour_answers.parquet in behaviour/ROLE",
    "items": "asked_ROLE.parquet answered, logit_difference; items.jsonl",
    "effects.*.cells[].gained": "profiles.parquet of every model: value of activation patching, measure gained, in steps of effects.*.step",
    "answers.families": "families.json",
    "answers.generated": "comparison.json generated; every answer in answers_ROLE.parquet",
    "changes.lines[].before, after, mean, low, high": "changes.parquet before, after, difference, low, high",
    "likeness[].contrasts.*.between, ceiling": "likeness.parquet between, ceiling",
    "stages.choices": "summary.json of every model: families.*, kinds.*.cells; the change: cell_changes.parquet difference, low, high",
    "cells.sentences, changed, answered": "comparison.json cells",
    "cells.families": "place_changes.parquet",
    "locations.rows": "comparison.json kinds.*.located, location_change",
    "locations.orders": "comparison.json order",
    "halves": "comparison.json kinds.*.upper_minus_lower",
    "layer_swaps.lines[].mean, low, high": "layer_swaps.parquet and generated_layer_swaps.parquet value, low, high (score value) or recovery, recovery_low, recovery_high",
    "crossed.lines[].mean, low, high": "crossed.parquet value, low, high",
    "weights.maps[].values": "weights.parquet relative_norm, stable_rank, top_share, cosine",
    "similarity.lines[].mean, low, high, dominant, shares": "similarity.parquet value, low, high, dominant, share_base, share_other",
    "similarity.family_lines[].low, high": "similarity.parquet value where excluded names a family",
    "contrasts.lines[].mean, low, high, dominant, shares": "contrasts.parquet value, low, high, dominant, share",
    "contrasts.family_lines[].low, high": "contrasts.parquet value where excluded names a family",
    "transfer.lines[].mean, low, high, majority": "transfer.parquet value, low, high, majority",
    "steering": "comparison.json steering",
    "not_comparable": "comparison.json not_comparable",
    "provenance": "manifest.json",
}


def build_comparison(run: ComparisonRun) -> ComparisonView:
    """`view.json` of a comparison."""
    items = build_items(run)
    return ComparisonView(
        run=_run(run), models=tuple(_model(run, role) for role in run.roles),
        axes=axes_of(run.n_layers), labels=LabelsView(kinds=KINDS),
        verdict=build_verdict(run), pair_check=build_pair_check(run), answers=build_answers(run), format=build_format(run), problems=build_problems(run), behaviour=build_behaviour(run), items=items, effects=_effects(run, items.item), changes=build_changes(run),
        likeness=build_likeness(run), stages=build_model_maps(run), cells=build_cells(run), locations=build_locations(run), halves=build_halves(run),
        layer_swaps=build_layer_swaps(run), crossed=build_crossed(run), weights=build_weights(run),
        similarity=build_similarity(run), contrasts=build_contrasts(run), transfer=build_transfer(run), steering=build_steering(run.comparison.steering),
        not_comparable=build_not_comparable(run), provenance=_provenance(run), sources=SOURCES,
    )  # fmt: skip


def _effects(run: ComparisonRun, items: Sequence[str]) -> dict[Role, ItemEffects]:
    alike = [role for role in run.roles if run.blocks_of(role) == run.n_layers]
    return {role: item_effects(run.run_dir / role, items, run.n_layers) for role in alike}


def _run(run: ComparisonRun) -> RunView:
    m, comparison = run.manifest, run.comparison
    names = [label_of(comparison, role) for role in run.roles[:2]]
    return RunView(
        run_id=m.run_id, verb="compare",
        title=compare_title(names[0], names[1] if len(names) == 2 else None),
        started=m.started, ended=m.ended or "", status=m.status,
        limited=comparison.limited, asked=asked_words(framing_of(run.locate_config)),
        badges=stamps(m, limited=comparison.limited, failed=bool(run.failed_self_tests), quick=comparison.quick),
    )  # fmt: skip


def _model(run: ComparisonRun, role: Role) -> ModelView:
    manifest = run.models[role]
    checkpoint = manifest.checkpoint
    return ModelView(
        key=role, label=label_of(run.comparison, role),
        page=f"{role}/report.html" if (run.run_dir / role / "manifest.json").exists() else None,
        run_id=manifest.run_id, n_layers=run.blocks_of(role), d_model=checkpoint.d_model or None,
        dtype=manifest.dtype or None, weights_sha256=run.comparison.models[role].sha256,
        tokenizer_sha256=checkpoint.tokenizer_sha256,
        seconds=significant(sum(stage.seconds for stage in manifest.stages.values())),
    )  # fmt: skip


def _provenance(run: ComparisonRun) -> ProvenanceView:
    m = run.manifest
    items_sha256 = (m.config or {}).get("items_sha256")
    facts: list[Fact] = [
        ("run", m.run_id),
        ("status", m.status),
        ("started", m.started),
        ("ended", m.ended),
        ("device", m.device),
        ("seed", run.comparison.seed),
        ("items_sha256", items_sha256 if isinstance(items_sha256, str) else None),
        *framing_facts(run.locate_config, m.chat_template_sha256.get("distilled")),
        ("code", code_words(m)),
    ]
    known = from_manifest(m)
    return ProvenanceView.model_validate(
        known.as_json() | {"facts": shown_facts(facts), "warnings": [*known.warnings, *own_caveats(run.comparison)]}
    )
