"""How large is a page, and how long until it can be used? A comparison of two planted models, and a lens map of 80 blocks × 512 tokens."""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from strata.dashboards.benchmarks.benchmark_row import BenchmarkRow
from strata.dashboards.page import render_lens_page, write_pages
from strata.dashboards.view.lens import LensMap
from strata.experiments.calibrate.construction import Construction
from strata.experiments.calibrate.planted_checkpoint import PlantedFiles, write_construction
from strata.experiments.calibrate.similar_families import facts, sums
from strata.experiments.compare.config import CompareConfig
from strata.experiments.compare.model_specs import Specs
from strata.experiments.compare.pipeline import compare
from strata.experiments.locate.config import LocateConfig
from strata.experiments.run.controls import RunControls
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.open_spec import open_checkpoint
from strata.probes.numerics.threads import threads_for
from strata.probes.progress import Progress, silent

BLOCKS, ITEMS, MAPS = 30, 500, 40
"""Of each of the two models: blocks, items asked, lens maps kept."""
LARGE = (80, 512)
"""Blocks and tokens of the lens map."""
MOST_BYTES, MOST_SECONDS = 4e6, 3.0
_VOCABULARY = 5_000
_FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
_READY = "html[data-ready=true]"


def page_benchmark(*, repeats: int = 3, seed: int = 0, progress: Progress = silent) -> Iterator[BenchmarkRow]:
    """Rows of sizes, and of seconds where there is a Chromium to open pages in.

    That of the lens map comes within seconds; the comparison's take minutes: its runs are measured.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        yield from _rows(
            {f"lens map, {LARGE[0]} blocks × {LARGE[1]} tokens": _lens_page(root / "lens.html", seed)}, repeats
        )
        yield from _rows(_comparison_pages(root, seed, progress), repeats)


def _rows(pages: dict[str, Path], repeats: int) -> Iterator[BenchmarkRow]:
    for name, page in pages.items():
        size = page.stat().st_size
        yield BenchmarkRow(
            f"page: size of {name}", 0.0, 0.0, size / MOST_BYTES, 1.0, size <= MOST_BYTES,
            f"{size / 1e6:.2f} MB; reference: the most it may have, {MOST_BYTES / 1e6:.0f} MB", {"bytes": size},
        )  # fmt: skip
    for name, seconds in _until_ready(pages, repeats).items():
        yield BenchmarkRow(
            f"page: {name}, until it can be used", seconds, MOST_SECONDS, seconds / MOST_SECONDS, 1.0, seconds <= MOST_SECONDS,
            "reference: the most it may take; headless Chromium, from disk, a fresh context each time",
        )  # fmt: skip


def browser() -> str | None:
    """A Chromium on PATH; None where there is none."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def _until_ready(pages: dict[str, Path], repeats: int) -> dict[str, float]:
    """Median seconds from opening a page to its being drawn and listening. Empty without a browser."""
    path = browser()
    if path is None:
        return {}
    from playwright.sync_api import sync_playwright

    found = {}
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=list(_FLAGS))
        for name, page in pages.items():
            times = []
            for _ in range(repeats):
                context = chromium.new_context(viewport={"width": 1400, "height": 900})
                tab = context.new_page()
                began = time.perf_counter()
                tab.goto(page.resolve().as_uri())
                tab.wait_for_selector(_READY, timeout=120_000)
                times.append(time.perf_counter() - began)
                context.close()
            found[name] = statistics.median(times)
        chromium.close()
    return found


def _comparison_pages(root: Path, seed: int, progress: Progress) -> dict[str, Path]:
    """A comparison's page, and its base's own."""
    before = planted(seed)
    base, moved = (
        write_construction(root / name, made) for name, made in (("base", before), ("distilled", _moved(before)))
    )
    run = root / "run"
    # Its tensors are so small that threads wait for each other longer than they work, on a busy machine eight times as long.
    with threads_for(0):
        _compare(base, moved, run, seed, progress)
    write_pages(run)
    what = f"{BLOCKS} blocks × {ITEMS} items × {MAPS} lens maps"
    return {f"{what} × 2 models": run / "report.html", f"{what}, the base alone": run / "base" / "report.html"}


def planted(seed: int) -> Construction:
    """Four families of knowledge and four of reasoning, with two controls each."""
    families = facts((7, 8, 9, 10), 14) + sums((20, 21, 22, 23), 17)
    return Construction("page", "tune", BLOCKS, families, seed=seed, items=-(-ITEMS // (len(families) + 4)))


def _moved(before: Construction) -> Construction:
    """Its sums are worked out two blocks higher."""
    families = tuple(
        family if family.kind == "knowledge" else replace(family, blocks=tuple(block + 2 for block in family.blocks))
        for family in before.families
    )
    return replace(before, families=families)


def _compare(base: PlantedFiles, moved: PlantedFiles, run: Path, seed: int, progress: Progress) -> None:
    """Everything that a page shows, on as few pairs, draws and folds as give every number its interval: it is as large with more."""
    locate = LocateConfig(
        causal_map="quick", pairs=8, draws=200, random_init=False, lens_maps=MAPS, folds=2, damage_texts=2, seed=seed,
    )  # fmt: skip
    config = CompareConfig(
        locate=locate, swap_pairs=4, swap_stride=6, both_ways=False, crossed_positions=("span", "last"), generated=0, transferred=1,
        contrast_items=0, steered=0, spectra=False,
    )  # fmt: skip
    specs = Specs(str(base.checkpoint), str(moved.checkpoint), None)
    openers: dict[str, Callable[[], Checkpoint]] = {
        role: partial(open_checkpoint, spec) for role, spec in specs.by_role().items()
    }
    compare(specs, openers, config, run, items=base.items, controls=RunControls(progress=progress))


def _lens_page(page: Path, seed: int) -> Path:
    """Random tokens and probabilities: nothing that could be packed better than a real prompt's."""
    blocks, tokens = LARGE
    draw = np.random.default_rng(seed)
    shape = (blocks + 1, tokens)
    words = {number: f" w{number}" for number in range(_VOCABULARY)}
    ids = draw.integers(0, _VOCABULARY, tokens).tolist()
    top = np.sort(-draw.gamma(2.0, 1.4, (*shape, 5)), axis=-1)[..., ::-1].astype(np.float32)
    lens_map = LensMap(
        key="made-up", item="made-up", tokens=[words[one] for one in ids], token_ids=ids,
        top_ids=draw.integers(0, _VOCABULARY, (*shape, 5)), top_logprobs=top,
        entropy=draw.gamma(2.0, 1.0, shape).astype(np.float32), kl_to_final=draw.gamma(2.0, 1.0, shape).astype(np.float32),
        answer_logprob=top[..., 2], answer_rank=draw.integers(0, _VOCABULARY, shape), vocabulary=words,
    )  # fmt: skip
    page.write_text(render_lens_page(lens_map, model="made-up"), encoding="utf-8")
    return page
