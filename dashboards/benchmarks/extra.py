"""Are the packages there that some benchmarks compare with or measure by? They come with an extra, and are asked for before any work."""

from __future__ import annotations

from collections.abc import Collection
from importlib.util import find_spec

from strata.dashboards.benchmarks.page import browser
from strata.probes.errors import StrataError

_NAMES = {"sklearn": "scikit-learn", "threadpoolctl": "threadpoolctl", "playwright": "playwright"}
"""As imported: as installed."""


def require_extra(parts: Collection[str], *, on_gpu: bool) -> None:
    """Raises StrataError where a chosen part can't run as installed.

    On a GPU the probes have no reference, and without a Chromium no page is opened.
    """
    needed = {
        "probes": () if on_gpu else ("sklearn", "threadpoolctl"),
        "page": () if browser() is None else ("playwright",),
    }
    for part, modules in needed.items():
        missing = [_NAMES[module] for module in modules if part in parts and find_spec(module) is None]
        if missing:
            raise StrataError(
                f"strata bench {part} needs {' and '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed",
                "Install the extra: pip install 'strata-probes[bench]'",
            )
