"""The caveats of a run as its page and its terminal list them."""

from __future__ import annotations

from collections.abc import Mapping

from strata.dashboards.sentences.run_caveats import caveat_sentence
from strata.dashboards.view.schema_parts import Coded
from strata.dashboards.view.tables import RunTables
from strata.experiments.locate.run_caveats import run_caveats
from strata.experiments.results.caveats import Caveat, CaveatCode

_EVIDENCE: Mapping[CaveatCode, str] = {
    "quick": "quick",
    "limited": "limited",
    "self-tests-failed": "self_test",
    "unanswered": "unanswered",
    "decodable-at-input": "contradiction",
    "readable-before-decodable": "contradiction",
    "controls-keep-up": "contradiction",
    "no-form-check": "format_unchecked",
    "form-tells-apart": "format",
}
"""By which a page finds what a caveat rests on; any other stands by itself."""


def caveats_of(run: RunTables) -> tuple[Caveat, ...]:
    """Of a run whose files are read."""
    return run_caveats(run.summary, run.manifest, run.behaviour, run.curves or (), run.format_check)


def listed_caveats(caveats: tuple[Caveat, ...]) -> tuple[Coded, ...]:
    """Each as its sentence."""
    return tuple(Coded(code=_EVIDENCE.get(one.code, "warning"), text=f"{caveat_sentence(one)}.") for one in caveats)
