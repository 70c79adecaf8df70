"""A run's table in a notebook is headed by the words of the page, whatever its file calls the instruments."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from strata.dashboards.notebook.run import Run
from strata.dashboards.notebook.run_html import run_html
from strata.dashboards.view.labels import instrument_label
from strata.experiments.finished_run import FinishedRun
from strata.experiments.schema_1 import as_read, as_written
from strata.probes.errors import StrataError


def test_the_columns_are_the_instruments_as_the_page_calls_them(synthetic: Path) -> None:
    summary = as_read(json.loads((synthetic / "summary.json").read_text()))
    page = run_html(FinishedRun(synthetic, {"verb": "locate"}, as_written(summary), (), {}), None)
    names = dict.fromkeys(name for kind in summary["kinds"].values() for name in kind["instruments"])
    assert {"patching", "ablation"} <= set(names)
    headed = re.findall(r"<th>(.*?)</th>", page)
    assert headed == ["kind", "items", "answers", "located", *map(instrument_label, names)]
    assert "Activation patching" in headed and "Ablation" in headed


def test_a_table_without_a_name_is_refused_with_the_names(synthetic: Path) -> None:
    run = Run(synthetic, FinishedRun(synthetic, {"verb": "locate"}, {}, ("behaviour", "curves"), {}))
    with pytest.raises(StrataError, match=r"several tables\. Name one of them: behaviour, curves"):
        run.to_pandas()
