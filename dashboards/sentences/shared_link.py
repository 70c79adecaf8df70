"""What does a link to a page say where it is shared: a title that says the finding, and what stands beneath it?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from strata.dashboards.number_formats import count
from strata.dashboards.visible_text import path_free, visible

TITLE, DESCRIPTION = 110, 300
"""Letters that are shown of each."""


def link_title(finding: str, models: Sequence[str]) -> str:
    """The finding, and of which models it is."""
    named = " → ".join(shortened(visible(path_free(model)), 40) for model in models)
    return f"{shortened(finding, TITLE)} · {named}"


def link_description(sentences: Iterable[str], caveats: int) -> str:
    """Whole sentences as far as they fit, and how many caveats there are."""
    beneath = f"{count(caveats, 'caveat')}." if caveats else ""
    said = ""
    for sentence in sentences:
        longer = f"{said} {sentence}".strip()
        if len(longer) + len(beneath) >= DESCRIPTION:
            break
        said = longer
    return f"{said} {beneath}".strip()


def picture_words(aria: str) -> str:
    """Of the preview, for who doesn't see it."""
    return f"Stage map. {shortened(aria, DESCRIPTION)}"


def picture_foot(run: str, caveats: int, items: int | None = None) -> str:
    """The last line of a preview."""
    asked = () if items is None else (count(items, "item"),)
    return " · ".join((*asked, f"run {run}", count(caveats, "caveat")))


def shortened(text: str, letters: int) -> str:
    """Cut between words where it is too long."""
    text = " ".join(text.split())
    if len(text) <= letters:
        return text
    cut = text[: letters - 1]
    return f"{cut[: cut.rfind(' ')] if ' ' in cut[letters // 2 :] else cut}…"
