"""Are the caveats of a run found once each, from its typed results, with what their sentences need?"""

from __future__ import annotations

from dataclasses import replace

from finished_runs import summary
from synthetic_localisation import localisation

from strata.experiments.locate.run_caveats import run_caveats
from strata.experiments.results.caveats import Caveat
from strata.experiments.results.format_check import FormCheck, FormContrast
from strata.experiments.results.locate_summary import Instrument, Instruments, ReadOutOnset
from strata.experiments.results.locate_tables import CurveRow
from strata.experiments.run.manifest import Manifest, SelfTestRecord

MANIFEST = Manifest.model_validate({"run_id": "a", "self_tests": [{"name": "patching nothing", "passed": True}]})
SUMMARY = summary("a", "tiny", 0, localisation(12))
ROW = CurveRow(
    instrument="probe.linear", measure="accuracy", component=None, kind="knowledge", family=None, target="answer",
    scheme="cluster", position="last", axis="stream", layer=5, mean=0.8, low=0.7, high=0.9, n_items=24, n_clusters=12, method="",
)  # fmt: skip


def with_probe_onset(stream: int) -> Instruments:
    onset = ReadOutOnset(layer=stream, depth=None, interval=None, n=24, definition="")
    return Instruments(probe=Instrument(onset=onset))


def test_stamps_stand_first_and_what_the_run_warned_of_last_each_once() -> None:
    warned = (
        Caveat(code="framed", framing="chat"),
        Caveat(code="rematched", items=2),
        Caveat(code="framed", framing="chat"),
    )
    failed = SelfTestRecord(name="patching all", passed=False)
    found = run_caveats(
        SUMMARY.model_copy(update={"quick": True, "warnings": warned}),
        MANIFEST.model_copy(update={"limited": True, "self_tests": [*MANIFEST.self_tests, failed]}),
        [], [], None,
    )  # fmt: skip
    assert found == (
        Caveat(code="quick"), Caveat(code="limited", items=0), Caveat(code="self-tests-failed", tests=("patching all",)),
        Caveat(code="no-form-check"), *warned[:2],
    )  # fmt: skip


def test_form_that_tells_kinds_apart_is_a_caveat_with_its_numbers() -> None:
    apart, alike = (
        FormContrast(name=name, accuracy=0.9, low=0.8, high=0.95, n=40, contains_chance=name == "b")
        for name in ("a", "b")
    )
    found = run_caveats(SUMMARY, MANIFEST, [], [], FormCheck(contrasts=(apart, alike)))
    assert found == (Caveat(code="form-tells-apart", contrast=apart),)


def test_controls_are_read_at_the_onset_of_the_kinds_answers_at_the_last_position() -> None:
    kinds = {"knowledge": SUMMARY.kinds["knowledge"].model_copy(update={"instruments": with_probe_onset(5)})}
    control = replace(ROW, measure="random_init", mean=0.75)
    others = [
        replace(control, layer=4), replace(control, family="capital"), replace(control, position="bridge"),
        replace(control, target="operand"), replace(control, scheme="template"), replace(control, instrument="probe.mass_mean"),
    ]  # fmt: skip
    form = FormCheck(contrasts=(FormContrast(name="a", accuracy=0.5, low=0.4, high=0.6, n=40, contains_chance=True),))
    asked = SUMMARY.model_copy(update={"kinds": kinds})
    assert run_caveats(asked, MANIFEST, [], [ROW, *others], form) == ()
    (found,) = run_caveats(asked, MANIFEST, [], [ROW, control, *others], form)
    assert (found.code, found.stream, found.controls) == ("controls-keep-up", 5, {"random_init": 0.75})
    assert found.interval == (0.7, 0.9)
