"""The made-up runs that the tests of the pages look at, each written once and never to be changed; and their pages."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

from open_pages import opened
from synthetic_comparison import write_synthetic_comparison
from synthetic_run import write_synthetic_run

from strata.dashboards.page import write_comparison, write_report


@pytest.fixture(scope="session")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_synthetic_run(tmp_path_factory.mktemp("view") / "run")


@pytest.fixture(scope="session")
def report(synthetic: Path) -> Path:
    """The page of `synthetic`."""
    return write_report(synthetic)


@pytest.fixture(scope="session")
def without_interventions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a run without them, without the tuned lens and without emergence."""
    run = write_synthetic_run(
        tmp_path_factory.mktemp("none") / "run", without={"causal", "tuned", "emergence"}, n_maps=0
    )
    return write_report(run)


@pytest.fixture(scope="session")
def comparison_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_synthetic_comparison(tmp_path_factory.mktemp("comparison") / "run")


@pytest.fixture(scope="session")
def comparison(comparison_run: Path) -> Path:
    """The page of `comparison_run`."""
    return write_comparison(comparison_run)


@pytest.fixture(scope="session")
def plain_comparison_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One without hostile names."""
    return write_synthetic_comparison(tmp_path_factory.mktemp("plain comparison") / "run", hostile=False)


@pytest.fixture(scope="module")
def tab(browser: Any, report: Path) -> Iterator[Any]:
    """The page of `synthetic`, opened once a file; `shown_with` brings it back to any view."""
    with opened(browser, report) as page:
        yield page


@pytest.fixture(scope="module")
def comparison_tab(browser: Any, comparison: Path) -> Iterator[Any]:
    """The same of the comparison."""
    with opened(browser, comparison) as page:
        yield page


@pytest.fixture(scope="session")
def uncontrolled_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A comparison without a control model and without hostile names."""
    return write_synthetic_comparison(tmp_path_factory.mktemp("no control") / "run", hostile=False, control=False)
