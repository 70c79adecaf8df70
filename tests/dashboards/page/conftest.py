"""The pages of the made-up runs, each written once and never to be changed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from made_once import made_once
from open_pages import opened
from synthetic_comparison import write_synthetic_comparison
from synthetic_run import write_synthetic_run

from strata.dashboards.page import write_comparison, write_report


@pytest.fixture(scope="session")
def report(synthetic: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of `synthetic`."""
    return made_once(tmp_path_factory, "report", lambda folder: write_report(_copy(synthetic, folder)))


@pytest.fixture(scope="session")
def without_interventions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a run without them, without the tuned lens and without emergence."""

    def make(folder: Path) -> Path:
        without = {"causal", "tuned", "emergence"}
        return write_report(write_synthetic_run(folder / "run", without=without, items_per_family=4, n_maps=0))

    return made_once(tmp_path_factory, "without interventions", make)


@pytest.fixture(scope="session")
def comparison(comparison_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of `comparison_run`."""
    return made_once(
        tmp_path_factory, "comparison page", lambda folder: write_comparison(_copy(comparison_run, folder))
    )


def _copy(run: Path, folder: Path) -> Path:
    return Path(shutil.copytree(run, folder / "run"))


@pytest.fixture(scope="session")
def plain_comparison_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One without hostile names."""

    def make(folder: Path) -> Path:
        return write_synthetic_comparison(folder / "run", hostile=False)

    return made_once(tmp_path_factory, "plain comparison", make)


@pytest.fixture(scope="session")
def uncontrolled_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A comparison without a control model and without hostile names."""

    def make(folder: Path) -> Path:
        return write_synthetic_comparison(folder / "run", hostile=False, control=False)

    return made_once(tmp_path_factory, "no control", make)


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
