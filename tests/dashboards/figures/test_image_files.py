"""Do figures come out as files with complete labels and the models' names, and is it said what's missing where they can't?"""

from __future__ import annotations

import html
import os
import re
import shutil
import struct
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from finished_runs import write_finished_run

from strata.dashboards.cli import main
from strata.dashboards.figures.figures_of_run import FiguresOfRun, figures_of_run, of_views
from strata.dashboards.figures.image_files import FORMATS, WrittenFigure, for_paper, on_paper, write_images
from strata.dashboards.figures.palette import PALETTES
from strata.dashboards.page.figure_index import write_index
from strata.probes.errors import StrataError


@pytest.fixture(scope="module")
def run(synthetic: Path) -> FiguresOfRun:
    return figures_of_run(synthetic)


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


def test_the_main_map_comes_first_and_views_can_be_chosen(run: FiguresOfRun) -> None:
    assert next(for_paper(run))[0] == "stages-kinds"
    chosen = of_views(run, ["emergence", "stages"])
    assert list(chosen.figures) == ["stages", "emergence"] and chosen.named == run.named
    assert of_views(run, []).figures == {view: choices for view, choices in run.figures.items() if choices}
    with pytest.raises(StrataError, match=r"no figures of 'stage'\. Did you mean stages\? It has stages, "):
        of_views(run, ["stage"])
    bare = replace(run, figures={**run.figures, "heads": {}})
    with pytest.raises(StrataError, match=r"no figures of 'heads'\. It has stages"):
        of_views(bare, ["heads"])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--figures", "figures", "--only", "stages", "--only", "stagemap"], "Did you mean stages?"),
        (["--only", "stages"], "Add --figures DIR"),
    ],
)
def test_a_choice_that_means_nothing_is_told_before_anything_is_written(
    words: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    run = write_finished_run(tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    assert main(["report", str(run), *words]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and told in said.err
    assert not (tmp_path / "figures").exists() and not (run / "report.html").exists()


def test_an_index_says_what_each_file_shows_and_takes_titles_as_text(run: FiguresOfRun, tmp_path: Path) -> None:
    written = [
        WrittenFigure(name, drawn, tuple(tmp_path / f"{name}.{kind}" for kind in FORMATS))
        for name, drawn in [*for_paper(run)][:3]
    ]
    hostile = replace(written[0], name="odd", drawn=replace(written[0].drawn, title="<img onerror=alert(1)>"))
    page = write_index([*written, hostile], "a <model> · run 1", tmp_path).read_text(encoding="utf-8")
    assert "<h1>Figures of a &lt;model&gt; · run 1</h1>" in page and "<img onerror" not in page
    for figure in written:
        assert f"<b>{figure.drawn.title}</b>" in html.unescape(page)
        assert all(f'<a href="{file.name}">{file.name}</a>' in page for file in figure.files)
    assert page.index("stages-kinds.svg") < min(page.index(f"{figure.name}.svg") for figure in written[1:])


VIEWS = ("stages", "emergence", "curves")


@pytest.fixture(scope="module")
def written(run: FiguresOfRun, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Three views' first figures in every format, by name; each with what it was made from."""
    pytest.importorskip("kaleido", reason="kaleido isn't installed: pip install 'strata-probes[figures]'")
    if not any(map(shutil.which, ("chromium", "google-chrome", "chromium-browser"))):
        if os.environ.get("CI") == "true":
            pytest.fail("no Chromium: apt-get install chromium")
        pytest.skip("no Chromium on PATH: kaleido draws with one")
    few = FiguresOfRun({view: dict(list(run.figures[view].items())[:1]) for view in VIEWS}, run.named)
    folder = tmp_path_factory.mktemp("written") / "figures"
    told: list[tuple[str, int, int | None]] = []
    figures = write_images(few, folder, lambda stage, done, total, unit: told.append((stage, done, total)))
    assert told == [("figures", done, len(VIEWS)) for done in range(len(VIEWS) + 1)]
    files = [file for figure in figures for file in figure.files]
    drawn = {name: on_paper(one, run.named) for name, one in for_paper(few)}
    assert {file.name for file in files} == {f"{name}.{kind}" for name in drawn for kind in FORMATS}
    assert all(file.is_relative_to(folder) for file in files) and len(drawn) == len(VIEWS)
    return {name: ({file.suffix[1:]: file for file in files if file.stem == name}, figure) for name, figure in drawn.items()}  # fmt: skip


@pytest.mark.browser
def test_every_format_is_what_its_name_says_and_has_the_figures_size(written: dict[str, Any]) -> None:
    for files, figure in written.values():
        width, height = figure["layout"]["width"], figure["layout"]["height"]
        picture = files["png"].read_bytes()
        assert picture.startswith(b"\x89PNG") and struct.unpack(">II", picture[16:24]) == (2 * width, 2 * height)
        paper = files["pdf"].read_bytes()
        assert paper.startswith(b"%PDF") and b"/Font" in paper, "text stays text"
        assert files["svg"].read_text(encoding="utf-8").startswith("<svg")


@pytest.mark.browser
def test_a_vector_figure_holds_every_label_whole(written: dict[str, Any]) -> None:
    for name, (files, figure) in written.items():
        drawn = squeezed(" ".join(re.findall(r"<text[^>]*>(.*?)</text>", files["svg"].read_text("utf-8"), re.S)))
        labels = list(labels_of(figure))
        assert len(labels) > 5, name
        assert [label for label in labels if squeezed(label) not in drawn] == [], name
        assert "synthetic-12" in drawn and "run3f9c2ab17d04" in drawn


def labels_of(figure: Any) -> Iterator[str]:
    """Whatever a reader is to read: the title line by line, names of axes, ticks with texts, annotations, the legend."""
    layout = figure["layout"]
    yield from layout["title"]["text"].split("<br>")
    for name, part in layout.items():
        if re.fullmatch(r"[xy]axis\d*", name):
            yield from part.get("ticktext", ())
            yield part.get("title", {}).get("text", "")
    for annotation in layout.get("annotations", ()):
        yield from annotation["text"].split("<br>")
    yield from (trace["name"] for trace in figure["data"] if trace.get("showlegend", True) and trace.get("name"))


def squeezed(text: str) -> str:
    """Without marks and blanks: plotly cuts a label into pieces."""
    return re.sub(r"\s", "", html.unescape(re.sub(r"<[^>]+>", "", text)))


@pytest.mark.browser
def test_no_label_reaches_over_the_edge(browser: Any, written: dict[str, Any]) -> None:
    for name, (files, figure) in written.items():
        size = {"width": figure["layout"]["width"], "height": figure["layout"]["height"]}
        tab = browser.new_page(viewport=size)
        tab.goto(files["svg"].resolve().as_uri())
        boxes = tab.evaluate(
            "[...document.querySelectorAll('text')].map((t) => [t.textContent, t.getBoundingClientRect()]).filter(([, b]) => b.width)"
            ".map(([text, b]) => [text, b.left, b.right, b.top, b.bottom])"
        )
        over = [
            text
            for text, left, right, top, bottom in boxes
            if left < -1 or right > size["width"] + 1 or top < -1 or bottom > size["height"] + 1
        ]
        assert len(boxes) > 10 and over == [], name
        tab.close()
