"""The made-up runs that the tests of figures, views and pages look at, each written once and never to be changed."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_once import made_once
from synthetic_comparison import write_synthetic_comparison
from synthetic_run import write_synthetic_run


@pytest.fixture(scope="session")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_once(tmp_path_factory, "synthetic", lambda folder: write_synthetic_run(folder / "run"))


@pytest.fixture(scope="session")
def comparison_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_once(tmp_path_factory, "comparison", lambda folder: write_synthetic_comparison(folder / "run"))
