"""How do figures become files for a paper? SVG, PDF and PNG on white, with title, models, run and what the bands are in the picture."""

from __future__ import annotations

import asyncio
import re
import textwrap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from strata.dashboards.figures.causal_map import ALL
from strata.dashboards.figures.figure_values import WIDTHS, Drawn, PlotlyObject
from strata.dashboards.figures.figures_of_run import FiguresOfRun
from strata.dashboards.figures.palette import plain
from strata.dashboards.figures.themes import in_theme
from strata.dashboards.view.choice_names import is_of_kind, parts_of
from strata.probes.errors import StrataError
from strata.probes.progress import Progress, silent

FORMATS = ("svg", "pdf", "png")
_HEAD, _LINE = 44, 17
"""Pixels above a figure: of its title, of a line beneath that."""
_LETTERS = 170
"""That fit on such a line."""
_LONGEST_NAME = 120
INSTALL = "pip install 'strata-probes[figures]'"


@dataclass(frozen=True)
class WrittenFigure:
    """A figure as files."""

    name: str
    """Of its files, without their endings."""
    drawn: Drawn
    files: tuple[Path, ...]
    """One a format."""


def write_images(run: FiguresOfRun, directory: Path, progress: Progress = silent) -> list[WrittenFigure]:
    """Writes every figure that `for_paper` names in every format, one after the other.

    Raises StrataError where kaleido or a browser that it can drive is missing, or the directory can't be written.
    """
    try:
        import kaleido
        from kaleido.errors import ChromeNotFoundError
    except ImportError as error:
        raise StrataError("Figures are written as files by kaleido, which is not installed", INSTALL) from error
    figures = list(for_paper(run))

    async def write() -> list[WrittenFigure]:
        written: list[WrittenFigure] = []
        progress("figures", 0, len(figures), "figures")
        # No formula stands in a figure, and the script that would set them is fetched from a server.
        async with kaleido.Kaleido(mathjax=False) as browser:
            for name, drawn in figures:
                jobs = _jobs(on_paper(drawn, run.named), directory / name)
                # What failed is handed back, not raised.
                for error in await browser.write_fig_from_object(jobs) or ():
                    raise error
                written.append(WrittenFigure(name, drawn, tuple(job["path"] for job in jobs)))
                progress("figures", len(written), len(figures), "figures")
        return written

    try:
        directory.mkdir(parents=True, exist_ok=True)
        # A thread of its own: the caller's may have an event loop already, as a notebook's has.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(lambda: asyncio.run(write())).result() if figures else []
    except ChromeNotFoundError as error:
        raise StrataError(
            "Figures are written as files by means of Chrome or Chromium, and none was found",
            "Install one (apt-get install chromium, or kaleido_get_chrome), or name it in BROWSER_PATH",
        ) from error
    except OSError as error:
        raise StrataError(
            f"The figures cannot be written to {directory} ({error.strerror})", "Give another directory"
        ) from error


def _jobs(figure: PlotlyObject, stem: Path) -> list[PlotlyObject]:
    """What kaleido is asked to write of a figure."""
    size = {side: figure["layout"][side] for side in ("width", "height")}
    return [
        {
            "fig": figure,
            "path": stem.with_name(f"{stem.name}.{kind}"),
            "opts": {"format": kind, **size, "scale": 2 if kind == "png" else 1},
        }
        for kind in FORMATS
    ]


def for_paper(run: FiguresOfRun) -> Iterator[tuple[str, Drawn]]:
    """Names of files with their figures, the main map first: all that speak of kinds, and the stage maps of families.

    Curves and intervention maps of single families and pairs stay on the page, and in `Run.figure`.
    """
    taken: set[str] = set()
    for view, choices in run.figures.items():
        first = next((parts_of(choice)[0] for choice in choices), "")
        for choice, widths in choices.items():
            shown, *lists = parts_of(choice)
            if (view == "curves" and shown != first) or (
                view == "causal" and not (is_of_kind(shown) and lists[-1] == ALL)
            ):
                continue
            drawn = widths["wide"]
            if not drawn.data:
                continue
            stem = re.sub(r"[^\w.+-]+", "-", f"{view}-{choice}").strip("-")[:_LONGEST_NAME]
            name, again = stem, 1
            while name.lower() in taken:
                again += 1
                name = f"{stem}-{again}"
            taken.add(name.lower())
            yield name, drawn


def on_paper(drawn: Drawn, named: str) -> PlotlyObject:
    """The figure on white with a head of its own: what it is, of which models and run, and its note."""
    shown = in_theme(drawn, "print")
    lines = [part for text in (named, shown.note) for part in textwrap.wrap(text, _LETTERS)]
    head = _HEAD + _LINE * len(lines)
    small = "".join(f'<br><span style="font-size:12px">{plain(line)}</span>' for line in lines)
    layout, margin = shown.layout, shown.layout["margin"]
    title = {"text": f"<b>{plain(shown.title)}</b>{small}", "x": 0, "xref": "container", "xanchor": "left", "y": 1 - 16 / (layout["height"] + head), "yref": "container",
             "yanchor": "top", "pad": {"l": 14}, "font": {"size": 15}}  # fmt: skip
    whole = {
        **layout,
        "width": WIDTHS["wide"],
        "height": layout["height"] + head,
        "margin": {**margin, "t": margin["t"] + head},
        "title": title,
    }
    return {"data": list(shown.data), "layout": whole}
