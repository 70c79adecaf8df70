"""What does the page say of the similarity of streams? Lines with and without dominant dimensions, and with each family excluded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from strata.dashboards.sentences.stream_similarity import (
    FEW,
    MEASURES,
    behind_a_start,
    families_words,
    similarity_aria,
    similarity_sentence,
)
from strata.dashboards.view.comparison.dominant_dimensions import (
    Families,
    apart,
    current_rows,
    drawn,
    excluded,
    family_line,
    values_of,
    with_dominant,
)
from strata.dashboards.view.comparison.files import ComparisonRun
from strata.dashboards.view.comparison.gathered_lines import drawn_or_why, whole
from strata.dashboards.view.comparison.schema_lines import SimilarityLine, SimilarityText, SimilarityView
from strata.dashboards.view.labels import kind_order
from strata.experiments.compare.similarity_falls import made_by_one_family
from strata.experiments.items.schema import KNOWLEDGE_AND_REASONING
from strata.experiments.results.rows import text

_KEY = ("contrast", "measure", "kind", "position")


def build_similarity(run: ComparisonRun) -> SimilarityView:
    """`lines` by contrast, measure, kind, position and dimensions; `family_lines` with the range over excluded families as band."""
    rows = current_rows(run, "similarity")
    all_families = [row for row in rows if row["excluded"] is None]
    lines = [
        line.model_copy(update={"aria": similarity_aria(line)})
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


def _is_told(line: SimilarityLine) -> bool:
    """CKA always, of the kinds that the page draws; the cosine where a dimension carries it."""
    shown = line.kind in KNOWLEDGE_AND_REASONING
    return shown and (line.measure == "cka" or any(line.dominant))


def _told(line: SimilarityLine, trimmed: SimilarityLine | None, without: Families) -> SimilarityText:
    values = values_of(line)
    disagree = None if trimmed is None else apart(line, trimmed)
    families = families_words(values, without, made_by_one_family(values, without)) if line.measure == "cka" else None
    return SimilarityText(
        contrast=line.contrast, measure=line.measure, kind=line.kind, position=line.position,
        text=similarity_sentence(line, values, disagree, families),
    )  # fmt: skip


def _of_prompts(appended: Mapping[tuple[str, str], tuple[int, int]]) -> Sequence[SimilarityText]:
    """For `last`, how many prompts are scored behind a start that is not read here."""
    counted = [(kind, fed, asked) for (kind, position), (fed, asked) in appended.items() if position == "last" and fed]
    if not counted:
        return ()
    return (SimilarityText(contrast="", measure="", kind="", position="last", text=behind_a_start(counted)),)
