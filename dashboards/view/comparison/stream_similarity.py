"""What does the page say of the similarity of streams? Lines with and without dominant dimensions, and with each family excluded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from strata.dashboards.sentences.layer_lines import in_streams, spoken
from strata.dashboards.text import count, number, visible
from strata.dashboards.view.comparison.dominant_dimensions import (
    APART,
    MOST,
    Families,
    current_rows,
    dimensions_told,
    drawn,
    excluded,
    family_line,
    with_dominant,
)
from strata.dashboards.view.comparison.files import ComparisonRun
from strata.dashboards.view.comparison.gathered_lines import drawn_or_why, whole
from strata.dashboards.view.comparison.line_models import SimilarityLine, SimilarityText, SimilarityView
from strata.dashboards.view.labels import kind_order
from strata.experiments.results.rows import text

MEASURES = {"cka": "debiased linear CKA", "cosine": "mean cosine"}
_NAMES = {"cka": "CKA", "cosine": "mean cosine"}
_KEY = ("contrast", "measure", "kind", "position")
FEW = "Too few items of any kind have a position in common: CKA needs eight of a kind."


def build_similarity(run: ComparisonRun) -> SimilarityView:
    """`lines` by contrast, measure, kind, position and dimensions; `family_lines` with the range over excluded families as band."""
    rows = current_rows(run, "similarity")
    all_families = [row for row in rows if row["excluded"] is None]
    lines = [
        line.model_copy(update={"aria": _aria(line)})
        for line in with_dominant(SimilarityLine, all_families, _KEY, ("share_base", "share_other"))
        if drawn(line)
    ]
    without = excluded(rows, _KEY)
    full = [line for line in lines if line.dimensions == "all"]
    appended = {
        (text(row, "kind"), text(row, "position")): (whole(row, "n_appended"), whole(row, "n_items"))
        for row in all_families
    }
    trimmed = {line.key: line for line in lines if line.dimensions == "trimmed"}
    state = drawn_or_why(bool(lines), run, ("streams",), FEW)
    return SimilarityView(
        state=state.state, text=state.text, measures=MEASURES,
        kinds=tuple(sorted({line.kind for line in lines}, key=kind_order)),
        positions=tuple(dict.fromkeys(line.position for line in lines)), lines=tuple(lines),
        family_lines=tuple(
            family_line(line, without[line.key]) for line in full if line.measure == "cka" and line.key in without
        ),
        told=(
            *_of_prompts(appended),
            *(_told(line, trimmed.get(line.key), without.get(line.key, {})) for line in full if _is_told(line)),
        ),
    )  # fmt: skip


def _aria(line: SimilarityLine) -> str:
    name = f"{line.measure}, {line.kind}, {line.contrast}, at {line.position}"
    return spoken(f"{name}, without dominant dimensions" if line.dimensions == "trimmed" else name, line)


def _is_told(line: SimilarityLine) -> bool:
    """CKA always, of the kinds that the page draws; the cosine where a dimension carries it."""
    shown = line.kind in ("knowledge", "reasoning")
    return shown and (line.measure == "cka" or any(line.dominant))


def _told(line: SimilarityLine, trimmed: SimilarityLine | None, without: Families) -> SimilarityText:
    values = {stream: value for stream, value in zip(line.layer, line.mean, strict=True) if value is not None}
    lowest = min(values, key=lambda stream: (values[stream], stream))
    parts = [
        f"lowest {_NAMES[line.measure]} {number(values[lowest], 3)} at stream {lowest} ({count(line.n_items, 'item')})",
        dimensions_told(line, trimmed),
    ]
    if line.measure == "cka":
        parts.append(_families_told(values, without))
    about = f"{line.contrast.capitalize()} with base, {line.kind}, at {visible(line.position)}"
    return SimilarityText(
        contrast=line.contrast, measure=line.measure, kind=line.kind, position=line.position,
        text=f"{about}: {'; '.join(parts)}.",
    )  # fmt: skip


def _families_told(values: Mapping[int, float], without: Families) -> str:
    if len(without) < 2:
        return "all of one family, so none can be excluded"
    lowest = {family: min(of.values()) for family, of in without.items() if of}
    low, high = (pick(lowest, key=lambda family: lowest[family]) for pick in (min, max))
    ends = [number(lowest[family], 3) for family in (low, high)]
    told = (
        f"with one family excluded at a time the lowest lies between {ends[0]} (without {visible(low)}) "
        f"and {ends[1]} (without {visible(high)})"
        if ends[0] != ends[1]
        else f"with any one family excluded the lowest is {ends[0]}"
    )
    for family, streams in _made_by_one(values, without).items():
        there = min(without[family][stream] for stream in streams)
        before = min(values[stream] for stream in streams)
        told += (
            f"; only {visible(family)} makes it fall at {in_streams(streams)}: without it the lowest value there is "
            f"{number(there, 3)} instead of {number(before, 3)}"
        )
    return told


def _made_by_one(values: Mapping[int, float], without: Families) -> dict[str, list[int]]:
    """Family → streams whose fall below 1 mostly goes with it, and with no other family."""
    by_family: dict[str, list[int]] = {}
    for stream, value in sorted(values.items()):
        if 1 - value < APART:
            continue
        makers = [
            family for family, of in without.items() if stream in of and 1 - of[stream] < (1 - value) * (1 - MOST)
        ]
        if len(makers) == 1:
            by_family.setdefault(makers[0], []).append(stream)
    return by_family


def _of_prompts(appended: Mapping[tuple[str, str], tuple[int, int]]) -> Sequence[SimilarityText]:
    """For `last`, how many prompts are scored behind a start that is not read here."""
    counted = [
        f"{fed} of {asked} {kind} items"
        for (kind, position), (fed, asked) in appended.items()
        if position == "last" and fed
    ]
    if not counted:
        return ()
    told = (
        f"Read at the last token of the prompts as they are written: {', '.join(counted)} are scored behind a first answer "
        "token that answer and foil share. Lenses and interventions read behind it; it is not read here."
    )
    return (SimilarityText(contrast="", measure="", kind="", position="last", text=told),)
