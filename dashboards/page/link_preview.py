"""What goes into the head of a page for who shares a link to it, and into the picture beside the page?"""

from __future__ import annotations

from strata.dashboards.figures.model_maps import model_maps
from strata.dashboards.figures.preview import PreviewNumber, PreviewWords, preview
from strata.dashboards.figures.stage_map import stage_map_json
from strata.dashboards.page.page_context import Link
from strata.dashboards.sentences.shared_link import link_description, link_title, picture_foot, picture_words
from strata.dashboards.view.build import Report
from strata.dashboards.view.comparison.cells import MapsOfModels
from strata.dashboards.view.comparison.schema import ComparisonView
from strata.dashboards.view.schema import View

PICTURE = "preview.png"
"""Beside the page."""


def plain_link(title: str, sentences: tuple[str, ...], caveats: int = 0) -> Link:
    """Without a picture."""
    return Link(title, link_description(sentences, caveats))


def locate_link(view: View) -> Link:
    """Where answers are made, first of what the verdict says."""
    said = [f"{sentence.head}{sentence.rest}" for sentence in view.verdict.sentences]
    finding = view.verdict.sentences[0].head if view.verdict.sentences else view.run.title
    choices = view.localisation.choices
    return Link(
        link_title(finding, [model.label for model in view.models]), link_description(said, len(view.verdict.caveats)),
        PICTURE, picture_words(choices[0].aria) if choices else view.run.title,
    )  # fmt: skip


def comparison_link(view: ComparisonView) -> Link:
    """The headline."""
    models = [model.label for model in view.models[:2]]
    choices = view.stages.choices
    said = (view.verdict.headline, *view.verdict.sentences)
    return Link(
        link_title(view.verdict.headline, models), link_description(said, len(view.verdict.caveats)), PICTURE,
        picture_words(choices[0].aria) if choices else view.run.title,
    )  # fmt: skip


def locate_preview(report: Report) -> bytes:
    """The picture of one model's run."""
    view = report.view
    sentences = view.verdict.sentences
    items = sum(kind.items for kind in view.verdict.kinds)
    foot = picture_foot(view.run.run_id, len(view.verdict.caveats), items=items)
    words = PreviewWords(sentences[0].head if sentences else view.run.title, view.models[0].label, foot)
    shown = report.localisation is not None and view.localisation.choices
    return preview(words, stage_map_json(report.localisation) if shown and report.localisation else None)


def comparison_preview(view: ComparisonView, maps: MapsOfModels | None) -> bytes:
    """The picture of a comparison, with the three numbers."""
    numbers = tuple(
        PreviewNumber(
            told.value, told.label, *((None, None, None) if told.change is None else (told.change.value, told.change.low, told.change.high)),
            told.limit, told.claimed,
        )
        for told in view.verdict.numbers
    )  # fmt: skip
    models = "   ".join(f"{model.key}: {model.label}" for model in view.models)
    foot = picture_foot(view.run.run_id, len(view.verdict.caveats))
    words = PreviewWords(view.verdict.headline, models, foot, numbers)
    first = next(iter(view.stages.choices), None)
    if maps is None or first is None:
        return preview(words, None)
    drawn = model_maps(maps, first.family, name=first.text, aria=first.aria)
    return preview(words, {"data": drawn.data, "layout": drawn.layout})
