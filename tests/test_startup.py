"""What is loaded before anything is asked for? Seconds are `strata bench startup`'s affair; what costs them is checked here."""

from __future__ import annotations

import subprocess
import sys

import pytest

from strata.dashboards.cli.main import VERBS

HEAVY = {"torch", "transformers", "numpy", "pandas", "pyarrow", "plotly", "sklearn"}


def loaded_by(statement: str, names: set[str]) -> set[str]:
    """Which of `names` a fresh interpreter has loaded after `statement`."""
    asks = f"import sys\n{statement}\nsys.stderr.write(' '.join({names!r} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", asks], capture_output=True, text=True, timeout=120, check=True)
    return set(done.stderr.split())


def test_importing_strata_loads_none_of_its_libraries() -> None:
    assert loaded_by("import strata", HEAVY | {"rich"}) == set()


def test_a_public_name_is_loaded_when_it_is_used() -> None:
    assert "torch" in loaded_by("import strata; strata.locate", HEAVY)


def test_help_loads_none_of_the_libraries() -> None:
    code = "from strata.dashboards.cli import main; main(['--help'])"
    assert loaded_by(code, HEAVY | {"rich"}) == set()


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_a_verb_loads_no_torch(verb: str) -> None:
    code = f"from strata.dashboards.cli import main\ntry: main([{verb!r}, '--help'])\nexcept SystemExit: pass"
    assert loaded_by(code, HEAVY) == set()
