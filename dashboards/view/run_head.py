"""What stands at the head of every page: which model, which run, and the stamps it carries."""

from __future__ import annotations

from strata.dashboards.sentences.page_parts import LIMITED, QUICK, SELF_TEST_FAILED, THIS_MODEL, unfinished_stamp
from strata.dashboards.sentences.shown_names import shown_name
from strata.dashboards.view.schema_parts import Coded, MeasuredModel, RunHead
from strata.dashboards.visible_text import without_paths
from strata.experiments.run.manifest import Manifest


def model_label(manifest: Manifest) -> str:
    """The spec of a run's model, without the way to it."""
    return shown_name(str(without_paths(manifest.checkpoint.spec or THIS_MODEL)).removeprefix("…/"))


def run_head(manifest: Manifest, title: str) -> RunHead:
    """Of a run of one model."""
    return RunHead(
        run_id=manifest.run_id,
        title=title,
        started=manifest.started,
        badges=stamps(manifest, limited=manifest.limited, failed=failed_self_test(manifest)),
    )


def measured_model(manifest: Manifest) -> MeasuredModel:
    """Its only model."""
    checkpoint = manifest.checkpoint
    return MeasuredModel(
        label=model_label(manifest),
        n_layers=checkpoint.n_layers,
        d_model=checkpoint.d_model or None,
        dtype=manifest.dtype or None,
    )


def failed_self_test(manifest: Manifest) -> bool:
    return any(not test.passed for test in manifest.self_tests)


def stamps(manifest: Manifest, *, limited: bool, failed: bool, quick: bool = False) -> tuple[Coded, ...]:
    """What a reader must not overlook; `failed`: a self-test of the run, or of one of its models'."""
    found = {
        "quick": QUICK if quick else "",
        "limited": LIMITED if limited else "",
        "self_test": SELF_TEST_FAILED if failed else "",
        "unfinished": "" if manifest.status == "done" else unfinished_stamp(manifest.status),
    }
    return tuple(Coded(code=code, text=words) for code, words in found.items() if words)
