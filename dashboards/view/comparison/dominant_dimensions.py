"""Lines with and without dominant dimensions: how they are gathered, where the two disagree, and what is said of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from strata.dashboards.sentences.layer_lines import in_streams
from strata.dashboards.text import count, number, significant
from strata.dashboards.view.comparison.files import ComparisonRun
from strata.dashboards.view.comparison.gathered_lines import Columns, gathered, rounded, whole
from strata.dashboards.view.comparison.line_models import DominatedLine
from strata.experiments.results.rows import Row, text
from strata.experiments.results.table import Value
from strata.probes.errors import StrataError
from strata.probes.model_diff.dominant_dimensions import DOMINANT_SHARE, Of

D = TypeVar("D", bound=DominatedLine)
Key = tuple[Value, ...]
Families = Mapping[str, Mapping[int, float]]
"""Family → stream → the value without it."""
APART = 0.02
"""From which difference on two lines disagree; below it none is worth a sentence."""
MOST = 0.5
"""The share of a fall that has to go with a family, and with no other, or with the dominant dimensions, for it to be theirs."""
_OF: Mapping[Of, str] = {"variance": "of the variance", "length": "of the squared length"}
_CARRIES = {
    "makes": "most of the fall at {where} goes with {it} ({values} without {it} at stream {at})",
    "adds": "a part of the fall at {where} goes with {it}, the rest stays ({values} without {it} at stream {at})",
    "hides": "most of a fall at {where} is hidden by {it} ({values} without {it} at stream {at})",
    "dampens": "a part of the fall at {where} is hidden by {it} ({values} without {it} at stream {at})",
}


def current_rows(run: ComparisonRun, table: str) -> Sequence[Row]:
    """The table's rows; StrataError when an earlier version wrote it, which read some prompts behind a piece of the answer."""
    rows = run.rows(table)
    if rows and "dimensions" not in rows[0]:
        file = run.run_dir / f"{table}.parquet"
        raise StrataError(
            f"{file} was written by an earlier version of Strata, which didn't look for dominant dimensions",
            "Compare the models again, with another --out",
        )
    return rows


def with_dominant(line: type[D], rows: Sequence[Row], key: tuple[str, ...], shares: tuple[str, ...]) -> list[D]:
    """Lines by `key` and dimensions, each with its dominant dimensions and shares by stream.

    Without a dominant dimension there is nothing to trim: there the trimmed line is the other one.
    """
    kept: list[Row] = [row for row in rows if row["dimensions"] == "all" or row["dominant"]]
    kept += [{**row, "dimensions": "trimmed"} for row in kept if row["dimensions"] == "all" and not row["dominant"]]
    columns = Columns((*key, "dimensions"), axis="stream", layer="stream", extra=shares)
    named = {(*(row[name] for name in key), whole(row, "stream")): row["dominant"] for row in kept}
    held = {
        (*(row[name] for name in key), whole(row, "stream")): max(
            (share for name in shares if (share := rounded(row, name)) is not None), default=None
        )
        for row in kept
    }
    lines = []
    for gathered_line in gathered(line, kept, columns):
        at = [(*(getattr(gathered_line, name) for name in key), stream) for stream in gathered_line.layer]
        lines.append(
            gathered_line.model_copy(
                update={"dominant": tuple(named[place] for place in at), "shares": tuple(held[place] for place in at)}
            )
        )
    return lines


def drawn(line: DominatedLine) -> bool:
    """Without dominant dimensions there is nothing to leave out, and no second line."""
    return line.dimensions == "all" or any(line.dominant)


def excluded(rows: Sequence[Row], key: Sequence[str]) -> dict[Key, dict[str, dict[int, float]]]:
    """By `key` the values of all dimensions with each family excluded."""
    by_key: dict[Key, dict[str, dict[int, float]]] = {}
    for row in rows:
        value = row["value"]
        if row["excluded"] is not None and row["dimensions"] == "all" and value is not None:
            of = by_key.setdefault(tuple(row[name] for name in key), {}).setdefault(text(row, "excluded"), {})
            of[whole(row, "stream")] = float(value)
    return by_key


def family_line(line: D, without: Families) -> D:
    """The line again, its band the lowest and highest value with a family excluded."""
    by_stream = [[of[stream] for of in without.values() if stream in of] for stream in line.layer]
    method = f"lowest and highest value with one of {count(len(without), 'family', 'families')} excluded at a time"
    return line.model_copy(
        update={
            "low": tuple(significant(min(values, default=None)) for values in by_stream),
            "high": tuple(significant(max(values, default=None)) for values in by_stream),
            "method": method,
            "aria": f"{line.aria}; bands: {method}",
        }
    )


def dominance_words(line: DominatedLine) -> str:
    """Which dimensions are dominant where, and how much the largest holds."""
    most = max((share for share in line.shares if share is not None), default=None)
    holds = f"{_percent(most)} % {_OF[line.of]}"
    streams = [stream for stream, named in zip(line.layer, line.dominant, strict=True) if named]
    if not streams:
        return f"no dimension is dominant (the largest holds {holds})"
    names = sorted(_dimensions(line), key=int)
    which = f"dimension {names[0]} holds" if len(names) == 1 else f"dimensions {', '.join(names)} dominate: one holds"
    return f"{which} up to {holds} ({in_streams(streams)})"


def _dimensions(line: DominatedLine) -> set[str]:
    return {name for names in line.dominant if names for name in names.split(", ")}


def _percent(share: float | None) -> str:
    """With as many decimals as it takes not to be rounded up to the share from which on a dimension is dominant."""
    if share is None:
        return number(None)
    digits = 0
    while share < DOMINANT_SHARE <= round(share, digits + 2) and digits < 6:
        digits += 1
    return number(100 * share, digits)


def apart(line: DominatedLine, trimmed: DominatedLine) -> dict[int, tuple[float, float]]:
    """Streams at which the two lines disagree, with both values."""
    without = dict(zip(trimmed.layer, trimmed.mean, strict=True))
    both = {stream: (value, without.get(stream)) for stream, value in zip(line.layer, line.mean, strict=True)}
    return {
        stream: (full, other)
        for stream, (full, other) in both.items()
        if full is not None and other is not None and abs(full - other) >= APART
    }


def dimensions_told(line: DominatedLine, trimmed: DominatedLine | None) -> str:
    """What is dominant, and where the line without it says something else: how much of a fall it makes, or hides."""
    if trimmed is None:
        return dominance_words(line)
    it = "it" if len(_dimensions(line)) == 1 else "them"
    disagree = apart(line, trimmed)
    if not disagree:
        return f"{dominance_words(line)}; without {it} the line is the same to {APART}"
    carried: dict[str, list[int]] = {}
    for stream, (full, other) in sorted(disagree.items()):
        carried.setdefault(_carries(full, other), []).append(stream)
    clauses = [
        words.format(it=it, where=in_streams(carried[name]), **_worst(disagree, carried[name]))
        for name, words in _CARRIES.items()
        if name in carried
    ]
    return f"{dominance_words(line)}; {'; '.join(clauses)}"


def _carries(full: float, other: float) -> str:
    """What the dominant dimensions do at a stream: `MOST` of the fall below 1, with or without them, has to be theirs."""
    with_them, without = 1 - full, 1 - other
    if with_them > without:
        return "makes" if without < with_them * (1 - MOST) else "adds"
    return "hides" if with_them < without * (1 - MOST) else "dampens"


def _worst(disagree: Mapping[int, tuple[float, float]], streams: list[int]) -> dict[str, str]:
    at = max(streams, key=lambda stream: abs(disagree[stream][0] - disagree[stream][1]))
    full, other = disagree[at]
    return {"at": str(at), "values": f"{number(other, 3)} instead of {number(full, 3)}"}
