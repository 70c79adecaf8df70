"""Do terminal and page say the same of the same run, sentence by sentence, every caveat among them?"""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

from synthetic_comparison import view_of
from synthetic_probe import write_synthetic_probe

from strata.dashboards.cli import verb_compare, verb_probe
from strata.dashboards.cli.options import made_of, options_of
from strata.dashboards.page import write_probe_report
from strata.dashboards.view.comparison.files import read_comparison
from strata.experiments.run.summary_file import probe_summary_of


def lines_of(verb: Any, result: object, run: Path, **values: str) -> list[str]:
    """What the terminal says of a result whose page is written."""
    defaults = {option.name: option.default for option in options_of(verb.Options)}
    stdout = io.StringIO()
    verb._tell(result, run, 1.0, made_of(verb.Options, defaults | values), stdout)
    return stdout.getvalue().splitlines()


def caveats_in(lines: list[str]) -> list[str]:
    return [line.removeprefix("caveat: ") for line in lines if line.startswith("caveat: ")]


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
