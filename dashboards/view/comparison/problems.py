"""Which problems does each model answer, and what does it write? By family, from the tables of generated answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from strata.dashboards.sentences.comparison_reasons import split_words
from strata.dashboards.sentences.generated_answers import right_words
from strata.dashboards.view.comparison.files import ComparisonRun
from strata.dashboards.view.comparison.schema_problems import ProblemFamilyView, ProblemView, WrittenView
from strata.dashboards.visible_text import path_free
from strata.experiments.results.comparison import GeneratedFamily
from strata.experiments.results.roles import Role
from strata.experiments.results.rows import Row, text

LONGEST = 700
"""Characters of a text that the page shows, half from either end; the whole stands in the table."""


def build_problems(run: ComparisonRun) -> tuple[ProblemFamilyView, ...]:
    """In the order in which they were asked. Of several draws the first is shown."""
    by_family: dict[tuple[str, str], dict[str, dict[Role, Row]]] = {}
    for role, rows in run.answers.items():
        for row in rows:
            problems = by_family.setdefault((text(row, "split"), text(row, "family")), {})
            problems.setdefault(text(row, "item"), {}).setdefault(role, row)
    return tuple(
        _family(of_family, by_family.get((of_family.split, of_family.family), {}))
        for of_family in run.comparison.generated.families
    )


def _family(of_family: GeneratedFamily, problems: Mapping[str, Mapping[Role, Row]]) -> ProblemFamilyView:
    return ProblemFamilyView(
        split=of_family.split, about=split_words(of_family.split), family=of_family.family, problems=of_family.problems,
        right={role: right_words(number, of_family.problems) for role, number in of_family.right.items()},
        no_answer=of_family.no_answer, asked=tuple(_problems(problems)),
    )  # fmt: skip


def _problems(problems: Mapping[str, Mapping[Role, Row]]) -> Iterator[ProblemView]:
    for item, rows in problems.items():
        first = next(iter(rows.values()))
        yield ProblemView(
            item=item, question=text(first, "question"), expected=text(first, "expected"),
            written={role: _written(row) for role, row in rows.items()},
            changed=len({bool(row["right"]) for row in rows.values()}) > 1,
        )  # fmt: skip


def _written(row: Row) -> WrittenView:
    return WrittenView(
        text=_short(text(row, "text")), answer=str(row["answer"] or ""), why=path_free(str(row["reason"] or "")),
        right=bool(row["right"]), prompt=text(row, "prompt"),
    )  # fmt: skip


def _short(whole: str) -> str:
    if len(whole) <= LONGEST:
        return whole
    kept: Sequence[str] = whole[: LONGEST // 2], whole[-LONGEST // 2 :]
    return " […] ".join(kept)
