"""What a person gets who installs Strata: one import name, all data, every example of the docs, beside their own packages."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path
from typing import Any

import pytest

import strata

ROOT = Path(__file__).parents[2]
SHIPPED = ("strata", "probes", "experiments", "dashboards")
RETURNED = {"Captured", "ProbeScores"}
"""Results: the functions that return them show them."""
THEIRS = ("probes", "experiments", "dashboards", "tests")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository without what earlier builds left: setuptools would pack it again."""
    copy = tmp_path_factory.mktemp("source") / "strata"
    copy.mkdir()
    for name in SHIPPED:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ROOT.iterdir():
        if file.is_file() and not file.name.startswith("."):
            shutil.copy(file, copy)
    return copy


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", out, source)
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment of its own that borrows this one's libraries, but for Strata itself."""
    made = tmp_path_factory.mktemp("environment") / "venv"
    venv.create(made, symlinks=True)
    pip("--python", made, "install", "--no-deps", "--no-index", wheel)
    packages = next((made / "lib").glob("python*/site-packages"))
    # As a path in a .pth file: the .pth files over there, the editable install's too, are not read.
    (packages / "borrowed.pth").write_text(f"{sysconfig.get_path('purelib')}\n{sysconfig.get_path('platlib')}\n")
    return made


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A person's own directory, in which packages are called as our folders are."""
    here = tmp_path_factory.mktemp("theirs")
    for name in THEIRS:
        (here / name).mkdir()
        (here / name / "__init__.py").write_text('WHOSE = "theirs"\n')
    shutil.copy(Path(__file__).with_name("examples_of_strata.py"), here)
    shutil.copytree(ROOT / "docs", here / "pages" / "docs")
    shutil.copy(ROOT / "README.md", here / "pages")
    return here


@pytest.fixture(scope="module")
def examples(environment: Path, directory: Path) -> dict[str, Any]:
    done = run(environment, directory, "python", "examples_of_strata.py")
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def pip(*words: object) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", *map(str, words)],
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def run(environment: Path, directory: Path, program: str, *words: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "STRATA_"))}
    return subprocess.run(
        [str(environment / "bin" / program), *words],
        cwd=directory, env={**clean, "HF_HUB_OFFLINE": "1", "NO_COLOR": "1"}, capture_output=True, text=True,
        timeout=1800, check=False,
    )  # fmt: skip


def test_a_wheel_brings_one_import_name_and_every_file_of_the_wings(source: Path, wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    assert {name.partition("/")[0] for name in packed if ".dist-info/" not in name} == {"strata"}
    ours = {f"strata/{file.relative_to(source)}" for wing in SHIPPED[1:] for file in files(source / wing)}
    ours |= {f"strata/{file.relative_to(source / 'strata')}" for file in files(source / "strata")}
    assert ours - packed == set()


def files(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file()]


def test_the_console_script_stands_in_the_environment(environment: Path, directory: Path) -> None:
    done = run(environment, directory, "strata", "--help")
    assert done.returncode == 0 and done.stdout.startswith("usage: strata VERB"), done.stderr
    # Tables and mappings are data of the package.
    done = run(environment, directory, "strata", "items", "list")
    assert done.returncode == 0 and "capital" in done.stdout, done.stderr


@pytest.mark.thorough
@pytest.mark.model
def test_the_examples_meet_the_installed_strata_and_the_persons_own_packages(
    examples: dict[str, Any], environment: Path
) -> None:
    assert Path(examples["strata"]).is_relative_to(environment)
    assert examples["theirs"] == ["theirs"] * 3


@pytest.mark.thorough
@pytest.mark.model
def test_every_example_of_docstrings_and_pages_runs(examples: dict[str, Any]) -> None:
    assert examples["failures"] == {}, "\n".join(examples["failures"].values())
    assert examples["pages"]["README.md"] > 0 and examples["pages"]["docs/api.md"] > 10


@pytest.mark.thorough
@pytest.mark.model
@pytest.mark.parametrize("name", sorted({*strata.__all__} - RETURNED))
def test_every_public_name_has_an_example_that_runs(name: str, examples: dict[str, Any]) -> None:
    home = getattr(strata, name)
    assert examples["docstrings"].get(f"{home.__module__}.{home.__qualname__}", 0) > 0
