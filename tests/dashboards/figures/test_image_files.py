"""Do figures come out as files with complete labels and the models' names, and is it said what's missing where they can't?"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from synthetic_run import write_synthetic_run

from strata.dashboards.figures.figures_of_run import FiguresOfRun, figures_of_run
from strata.dashboards.figures.image_files import FORMATS, for_paper, on_paper, write_images
from strata.dashboards.figures.palette import PALETTES
from strata.probes.errors import StrataError


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> FiguresOfRun:
    return figures_of_run(write_synthetic_run(tmp_path_factory.mktemp("images") / "run"))


def test_a_head_tells_what_it_is_of_which_model_and_run_on_white(run: FiguresOfRun) -> None:
    for name, drawn in for_paper(run):
        layout = on_paper(drawn, run.named)["layout"]
        assert drawn.title.split(":", maxsplit=1)[0] in layout["title"]["text"], name
        assert run.named.split(" · ")[1] in layout["title"]["text"]
        assert layout["paper_bgcolor"] == PALETTES["print"].card == "#ffffff"
        assert layout["height"] > drawn.layout["height"] and layout["margin"]["t"] > drawn.layout["margin"]["t"]


def test_names_of_files_are_safe_and_differ(run: FiguresOfRun) -> None:
    names = [name for name, _ in for_paper(run)]
    assert len({name.lower() for name in names}) == len(names) > 10
    assert not any(set(name) & set('/\\<>|:"* ') for name in names)
    assert {"stages-kinds", "emergence-kinds"} <= set(names)


def test_without_kaleido_it_says_what_to_install(
    run: FiguresOfRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "kaleido", None)
    with pytest.raises(StrataError, match="kaleido") as told:
        write_images(run, tmp_path / "figures")
    assert "strata-probes[figures]" in str(told.value) and not (tmp_path / "figures").exists()


def test_files_of_every_format_are_written(run: FiguresOfRun, tmp_path: Path) -> None:
    pytest.importorskip("kaleido")
    if not any(map(shutil.which, ("chromium", "google-chrome", "chromium-browser"))):
        pytest.skip("no Chromium on PATH")
    few = FiguresOfRun({"emergence": run.figures["emergence"]}, run.named)
    files = write_images(few, tmp_path / "figures")
    assert [file.suffix[1:] for file in files] == list(FORMATS)
    starts = {".svg": b"<svg", ".pdf": b"%PDF", ".png": b"\x89PNG"}
    assert all(file.read_bytes().startswith(starts[file.suffix]) for file in files)
    assert "synthetic-12" in files[0].read_text() and "never" in files[0].read_text()
