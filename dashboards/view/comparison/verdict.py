"""What may a comparison say, and what must stand beside it? Verdict, caveats and pair check for the page."""

from __future__ import annotations

from strata.dashboards.number_formats import significant
from strata.dashboards.sentences import what_would_change
from strata.dashboards.sentences.calibration import kept_sentence
from strata.dashboards.sentences.comparison import hypothesis_reason, verdict_sentences
from strata.dashboards.sentences.comparison_caveats import caveats, label_of
from strata.dashboards.sentences.comparison_reasons import PARTS, why_not_compared
from strata.dashboards.sentences.headline import headline_numbers, headline_sentence, seeds_sentence
from strata.dashboards.sentences.short_caveats import short_caveats
from strata.dashboards.view.comparison.files import ComparisonRun
from strata.dashboards.view.comparison.schema_statements import NotComparableView, PairCheckView, VerdictView
from strata.dashboards.view.schema_parts import Coded
from strata.dashboards.visible_text import path_free
from strata.experiments.calibrate.shipped_record import shipped_record
from strata.experiments.results.roles import BASE


def build_verdict(run: ComparisonRun) -> VerdictView:
    """Sentences, the word on the layer-split hypothesis with its reason, and every caveat."""
    comparison, told = run.comparison, caveats(run.comparison, run.failed_self_tests)
    return VerdictView(
        word=comparison.verdict.hypothesis,
        reason=path_free(hypothesis_reason(comparison)),
        headline=path_free(headline_sentence(comparison)),
        numbers=headline_numbers(comparison),
        seeds=path_free(seeds_sentence(comparison)),
        sentences=tuple(path_free(sentence) for sentence in verdict_sentences(comparison)),
        quick=comparison.quick,
        limited=comparison.limited,
        caveats=tuple(told),
        short_caveats=tuple(Coded(code=code, text=text) for code, text in short_caveats(one.code for one in told)),
        calibration=kept_sentence(shipped_record()),
        would_change=what_would_change.COMPARISON,
    )


def build_pair_check(run: ComparisonRun) -> tuple[PairCheckView, ...]:
    """Per model: is the base its base, by what, and if not, which one is."""
    checks = []
    for role, check in run.comparison.pair_check.items():
        lineage = run.pair_check.get(role)
        close = {} if lineage is None or lineage.closeness is None else vars(lineage.closeness)
        checks.append(
            PairCheckView(
                role=role, base=label_of(run.comparison, BASE), label=label_of(run.comparison, role),
                verdict=check.verdict, ok=check.ok, judged_by="" if lineage is None else lineage.judged_by or "",
                reasons=tuple(path_free(reason) for reason in check.reasons), hint=path_free(check.hint or ""),
                closeness={name: significant(v) for name, v in close.items() if isinstance(v, int | float)},
            )
        )  # fmt: skip
    return tuple(checks)


def build_not_comparable(run: ComparisonRun) -> tuple[NotComparableView, ...]:
    """Parts of the comparison that a model has no share in."""
    return tuple(
        NotComparableView(measure=PARTS[entry.part], model=entry.model, reason=path_free(why_not_compared(entry.why)))
        for entry in run.comparison.not_comparable
    )
