"""What does the page say of the four contrasts? Each model's streams behind two instructions, and the excess."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from strata.dashboards.sentences.instruction_contrasts import (
    NAMES,
    Onset,
    attention_sentence,
    carried_sentence,
    contrast_aria,
    excess_sentence,
    no_contrasts,
    other_depth,
)
from strata.dashboards.view.comparison.dominant_dimensions import (
    Families,
    apart,
    current_rows,
    drawn,
    excluded,
    family_line,
    with_dominant,
)
from strata.dashboards.view.comparison.files import ComparisonRun
from strata.dashboards.view.comparison.gathered_lines import whole, why_absent
from strata.dashboards.view.comparison.schema_lines import ContrastLine, ContrastsView, ModelText
from strata.experiments.compare.excess_explained import Sides, excess_left
from strata.experiments.results.intervals import side_of
from strata.experiments.results.roles import Role
from strata.experiments.results.rows import Row, text
from strata.experiments.results.table import Value

_KEY = ("model", "kind", "contrast")


def build_contrasts(run: ComparisonRun) -> ContrastsView:
    """Lines by model, kind and contrast over the streams, and why something is absent.

    A model with other blocks than the base shares no axis with it: its numbers stay in the table, and a reason says so.
    """
    every = current_rows(run, "contrasts")
    # An earlier version read streams alone.
    rows = [row for row in every if row.get("site") != "attention"]
    depths = {role: run.blocks_of(role) for role in run.roles}
    shared = [row for row in rows if row["stream"] is not None and _blocks(row, depths) == run.n_layers]
    lines = with_dominant(ContrastLine, [row for row in shared if row["excluded"] is None], _KEY, ("share",))
    trimmed = {line.key: line for line in lines if line.dimensions == "trimmed" and drawn(line)}
    full = [line for line in lines if line.dimensions == "all"]
    # The contrasts lie close together: of those only what says something else is drawn twice.
    twice = [
        trimmed[line.key]
        for line in full
        if line.key in trimmed and (line.contrast == "excess" or apart(line, trimmed[line.key]))
    ]
    full, twice = ([line.model_copy(update={"aria": contrast_aria(line)}) for line in some] for some in (full, twice))
    without = excluded(shared, _KEY)
    excess = [line for line in full if line.contrast == "excess"]
    at_attention = _at_attention(every, depths, run.n_layers)
    onsets, attention_onsets = _onsets(rows), _onsets(every, "attention")
    reasons = _reasons(run, rows, depths)
    return ContrastsView(
        state="ok" if full else "not_run", text="" if full else no_contrasts((why.model, why.kind, why.text) for why in reasons),
        names={name: words for name, words in NAMES.items() if name != "excess"}, excess=NAMES["excess"],
        lines=(*full, *twice),
        family_lines=tuple(family_line(line, without[line.key]) for line in excess if line.key in without),
        attention_lines=tuple(at_attention),
        told=(
            *(_told(line, trimmed.get(line.key), without.get(line.key, {}), onsets.get(line.key)) for line in excess),
            *(_attention_told(line, attention_onsets.get(line.key)) for line in at_attention),
            *(
                _carried(line, trimmed[line.key])
                for line in full
                if line.contrast != "excess" and line.key in trimmed and apart(line, trimmed[line.key])
            ),
        ),
        reasons=reasons,
        aria=". ".join(line.aria for line in (*full, *twice) if line.contrast == "excess"),
    )  # fmt: skip


def _blocks(row: Row, depths: Mapping[Role, int]) -> int | None:
    return next((blocks for role, blocks in depths.items() if role == row["model"]), None)


def _reasons(run: ComparisonRun, rows: Sequence[Row], depths: Mapping[Role, int]) -> tuple[ModelText, ...]:
    told = [
        ModelText(model=text(row, "model"), kind=str(row["kind"] or ""), text=why_absent(row))
        for row in rows
        if row["stream"] is None and row["reason"] and (not row["kind"] or run.holds(text(row, "kind")))
    ]
    measured = {row["model"] for row in rows if row["stream"] is not None}
    told += [
        ModelText(model=role, kind="", text=other_depth(depths[role], run.n_layers))
        for role in run.roles
        if role in measured and depths[role] != run.n_layers
    ]
    return tuple(told)


def _carried(line: ContrastLine, trimmed: ContrastLine) -> ModelText:
    """A contrast that says something else without its dominant dimensions."""
    return ModelText(model=line.model, kind=line.kind, text=carried_sentence(line, apart(line, trimmed)))


def _at_attention(rows: Sequence[Row], depths: Mapping[Role, int], n_layers: int) -> list[ContrastLine]:
    """The excess of what attention adds, of models with the base's number of blocks."""
    kept = [
        {**row, "dimensions": "all"}
        for row in rows
        if row.get("site") == "attention" and row["contrast"] == "excess" and _blocks(row, depths) == n_layers
    ]
    lines = [
        line.model_copy(update={"site": "attention", "axis": "block"})
        for line in with_dominant(ContrastLine, kept, _KEY, ("share",))
        if line.dimensions == "all"
    ]
    return [line.model_copy(update={"aria": contrast_aria(line)}) for line in lines]


def _onsets(rows: Sequence[Row], site: str = "stream") -> dict[tuple[Value, ...], Onset]:
    """By line of the excess; nothing of runs of an earlier version, nor where clusters are too few."""

    def at(row: Row, column: str) -> int | None:
        return None if row[column] is None else whole(row, column)

    return {
        (row["model"], row["kind"], row["contrast"]): Onset(
            *(at(row, name) for name in ("onset", "onset_low", "onset_high"))
        )
        for row in rows
        if row.get("site") == site
        and row["contrast"] == "excess"
        and row["dimensions"] == "all"
        and row["low"] is not None
    }


def _told(line: ContrastLine, trimmed: ContrastLine | None, without: Families, onset: Onset | None) -> ModelText:
    """Where the excess is there, and what takes it away."""
    left = excess_left(_sides(line), None if trimmed is None else _sides(trimmed), without)
    return ModelText(model=line.model, kind=line.kind, text=excess_sentence(line, left, onset))


def _attention_told(line: ContrastLine, onset: Onset | None) -> ModelText:
    return ModelText(model=line.model, kind=line.kind, text=attention_sentence(line, onset))


def _sides(line: ContrastLine) -> Sides:
    return {stream: side_of(low, high) for stream, low, high in zip(line.layer, line.low, line.high, strict=True)}
