"""Do terminal and page say the same of the same run, sentence by sentence, every caveat among them?"""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

from finished_runs import write_finished_behave, write_finished_sweep
from synthetic_comparison import view_of
from synthetic_probe import write_synthetic_probe
from synthetic_run import write_synthetic_run

from strata.dashboards.cli import verb_behave, verb_compare, verb_locate, verb_probe, verb_sweep
from strata.dashboards.cli.options import made_of, options_of
from strata.dashboards.page import write_probe_report
from strata.dashboards.sentences.run_caveats import caveat_sentence
from strata.dashboards.view.behave.build import build_behave_view
from strata.dashboards.view.build import build_view
from strata.dashboards.view.comparison.files import read_comparison
from strata.dashboards.view.sweep.build import build_sweep_view
from strata.dashboards.view.tables import read_run
from strata.experiments.results.caveats import Caveat
from strata.experiments.run.finished import finished_run
from strata.experiments.run.summary_file import behaviour_summary_of, probe_summary_of, sweep_result_of


def lines_of(verb: Any, result: object, run: Path, **values: object) -> list[str]:
    """What the terminal says of a result whose page is written."""
    defaults = {option.name: option.default for option in options_of(verb.Options)}
    stdout = io.StringIO()
    verb._tell(result, run, 1.0, made_of(verb.Options, defaults | values), stdout)
    return stdout.getvalue().splitlines()


def caveats_in(lines: list[str]) -> list[str]:
    return [line.removeprefix("caveat: ") for line in lines if line.startswith("caveat: ")]


def test_of_a_limited_run_with_a_failed_self_test_and_of_its_json(tmp_path: Path) -> None:
    run = write_synthetic_run(tmp_path / "run", limited=True)
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["self_tests"][0]["passed"] = False
    (run / "manifest.json").write_text(json.dumps(manifest))
    shown = [caveat.text for caveat in build_view(run).verdict.caveats]
    summary = read_run(run).summary
    assert caveats_in(lines_of(verb_locate, summary, run)) == shown
    (printed,) = lines_of(verb_locate, summary, run, json=True)
    caveats = [Caveat.model_validate(caveat) for caveat in json.loads(printed)["caveats"]]
    assert {"limited", "self-tests-failed", "unanswered"} <= {caveat.code for caveat in caveats}
    assert [f"{caveat_sentence(caveat)}." for caveat in caveats] == shown


def test_of_a_behave(tmp_path: Path) -> None:
    run = write_finished_behave(tmp_path / "run")
    view = build_behave_view(run)
    lines = lines_of(verb_behave, behaviour_summary_of(finished_run(run).result), run)
    said = [sentence for part in view.confidence for sentence in (part.number, *part.sentences)]
    assert len(said) == 6 and lines[: len(said)] == said
    assert caveats_in(lines) == list(view.warnings) and len(view.warnings) == 3


def test_of_a_sweep_of_which_a_run_is_missing(tmp_path: Path) -> None:
    run = write_finished_sweep(tmp_path / "run")
    view = build_sweep_view(run)
    lines = lines_of(verb_sweep, sweep_result_of(finished_run(run).result), run)
    assert len(view.sentences) == 2 and [line for line in lines if line in view.sentences] == list(view.sentences)
    assert caveats_in(lines) == list(view.warnings) and len(view.warnings) == 2


def test_of_a_comparison_with_a_failed_self_test(plain_comparison_run: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(plain_comparison_run, tmp_path / "run"))
    manifest = run / "manifest.json"
    content = json.loads(manifest.read_text())
    failed = {"name": "swapping nothing", "passed": False, "value": 1.0, "tolerance": 0.1}
    manifest.write_text(json.dumps({**content, "self_tests": [*content.get("self_tests", []), failed]}))
    verdict = view_of(run)["verdict"]
    lines = lines_of(verb_compare, read_comparison(run).comparison, run)
    assert len(verdict["sentences"]) > 3 and set(verdict["sentences"]) <= set(lines)
    assert caveats_in(lines) == [caveat["text"] for caveat in verdict["caveats"]]
    assert any("swapping nothing" in caveat for caveat in caveats_in(lines))


def test_of_a_probe(tmp_path: Path) -> None:
    write_probe_report(write_synthetic_probe(tmp_path / "run"))
    view = json.loads((tmp_path / "run" / "view.json").read_text())
    summary = probe_summary_of(json.loads((tmp_path / "run" / "summary.json").read_text()))
    lines = lines_of(verb_probe, summary, tmp_path / "run", target="meta.topic")
    said = [sentence for position in view["positions"] for sentence in position["sentences"]]
    assert lines[: len(said)] == said and caveats_in(lines) == view["warnings"] and view["warnings"]
