"""Does the notebook of the docs run as it stands, and does what is kept of it show what it promises?"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import nbformat
import pytest
from finished_runs import started_run
from nbclient import NotebookClient
from synthetic_comparison import _tag

from strata.experiments.results.locate_tables import LOCATE_TABLES

NOTEBOOK = Path(__file__).parents[2] / "docs" / "reading-a-run.ipynb"
FIGURES = ("c05", "c06", "c07", "c12")
"""Cells that end with a figure."""


@pytest.fixture(scope="module")
def executed(synthetic: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What every code cell shows where `runs/default` is a made-up run, by the cell's id."""
    here = tmp_path_factory.mktemp("notebook")
    made = Path(shutil.copytree(synthetic, here / "made"))
    run = started_run(here / "runs" / "default", spec="synthetic-12")
    _tag(made, [table.name for table in LOCATE_TABLES], run.run_id)
    for file in made.iterdir():
        if file.name != "manifest.json":
            with run.writing(file.name):
                shutil.copy(file, run.path)
    run.close("done")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PLOTLY_RENDERER", "plotly_mimetype")
        NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(here)}}).execute()
    return shown(notebook)


def shown(notebook: Any) -> dict[str, Any]:
    return {
        cell.id: {kind: data for output in cell.outputs for kind, data in output.get("data", {}).items()}
        for cell in notebook.cells
        if cell.cell_type == "code"
    }


def test_a_run_shows_itself_with_its_map_and_its_families(executed: dict[str, Any]) -> None:
    page = executed["c02"]["text/html"]
    assert 'src="data:image/svg+xml;base64,' in page and "<td>capital</td>" in page and "http" not in page
    assert "<script>" not in page


def test_every_figure_is_drawn(executed: dict[str, Any]) -> None:
    for cell in FIGURES:
        assert executed[cell]["application/vnd.plotly.v1+json"]["data"], cell
    assert {trace["name"] for trace in executed["c12"]["application/vnd.plotly.v1+json"]["data"]} >= {
        "capital",
        "addition",
    }


def test_typed_results_and_tables_are_told(executed: dict[str, Any]) -> None:
    assert "('move'" in executed["c09"]["text/plain"] and "capital" in executed["c10"]["text/plain"]
    assert "behaviour" in executed["c14"]["text/plain"] and "<th>logit_difference</th>" in executed["c15"]["text/html"]


def test_what_the_docs_keep_was_executed_in_order_and_without_an_error() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert not [output for cell in code for output in cell.outputs if output.output_type in ("error", "stream")]
    kept = shown(notebook)
    assert all("image/png" in kept[cell] for cell in FIGURES), "PLOTLY_RENDERER=png jupyter execute --inplace"
    assert "smollm2" in kept["c02"]["text/html"] and NOTEBOOK.stat().st_size < 1_500_000
