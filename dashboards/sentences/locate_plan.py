"""What does a `locate` need, before it is begun?"""

from __future__ import annotations

from strata.dashboards.number_formats import seconds_text, size_text
from strata.dashboards.sentences.item_exclusions import exclusion_words
from strata.experiments.locate.cost_plan import Plan


def plan_lines(plan: Plan) -> list[tuple[str, str]]:
    """What each line is about, and what it says."""
    kinds = ", ".join(f"{count} {kind}" for kind, count in plan.by_kind.items())
    return [
        ("items", f"{plan.items} ({kinds})"),
        *((f"  excluded: {exclusion_words(reason)}", str(count)) for reason, count in plan.excluded.items()),
        ("tokens", f"{plan.tokens:,} a pass, longest prompt {plan.longest}"),
        *((f"  pass: {name}", f"{count:,} tokens") for name, count in plan.passes.items()),
        *_interventions(plan),
        ("model", f"{plan.parameters / 1e6:,.0f} M parameters, {size_text(plan.weight_bytes)}"),
        (
            "memory",
            f"{size_text(plan.memory_bytes)} at once"
            + (f" of {size_text(plan.available_bytes)} free" if plan.available_bytes else ""),
        ),
        ("  largest batch", size_text(plan.batch_bytes)),
        ("  largest probe", size_text(plan.probe_bytes)),
        (
            "disk",
            f"{size_text(plan.disk_bytes)} while running, {size_text(plan.kept_bytes)} kept, {size_text(plan.free_disk_bytes)} free",
        ),
        ("time", _time(plan)),
        *(("not checked", what) for what in plan.not_checked),
        ("fits", "yes" if plan.fits else f"no; try {plan.remedy}"),
    ]


def _interventions(plan: Plan) -> list[tuple[str, str]]:
    least, most = plan.intervention_tokens
    return [("  interventions", f"as much work as {least:,} to {most:,} tokens")] if most else []


def _time(plan: Plan) -> str:
    if plan.seconds is None:
        return "unknown without a trial"
    low, high = plan.seconds
    return f"{seconds_text(low)} to {seconds_text(high)} for passes and lenses, probes not included"
