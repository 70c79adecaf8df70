"""What does the page say of the similarity of streams? Lines with and without dominant dimensions, and with each family excluded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from strata.dashboards.text import count, number, significant, visible
from strata.dashboards.view.comparison_lines import gathered, spoken, state_of
from strata.dashboards.view.comparison_run import ComparisonRun
from strata.dashboards.view.labels import kind_order
from strata.dashboards.view.maps import runs_text
from strata.dashboards.view.tables import Rows
from strata.experiments.results.excluded_measures import STREAMS
from strata.probes.errors import StrataError
from strata.probes.model_diff.dominant_dimensions import DOMINANT_SHARE

Json = dict[str, Any]
Families = Mapping[str, Mapping[int, float]]
"""Family → stream → the value without it."""

APART = 0.02
"""From which difference on two lines disagree; below it none is worth a sentence."""
MOST = 0.5
"""The share of a fall that has to go with a family, and with no other, or with the dominant dimensions, for it to be theirs."""
MEASURES = {"cka": "debiased linear CKA", "cosine": "mean cosine"}
_NAMES = {"cka": "CKA", "cosine": "mean cosine"}
_OF = {"cka": "of the variance", "cosine": "of the squared length"}
_KEY = ("contrast", "measure", "kind", "position")
FEW = "Too few items of any kind have a position in common: CKA needs eight of a kind."


def build_similarity(run: ComparisonRun) -> Json:
    """`lines` by contrast, measure, kind, position and dimensions; `family_lines` with the range over excluded families as band."""
    rows = current_rows(run, "similarity")
    whole = [row for row in rows if row["excluded"] is None]
    lines = [line for line in with_dominant(whole, _KEY, ("share_base", "share_other")) if drawn(line)]
    for line in lines:
        name = f"{line['measure']}, {line['kind']}, {line['contrast']}, at {line['position']}"
        line["aria"] = spoken(f"{name}, without dominant dimensions" if line["dimensions"] == "trimmed" else name, line)
    without = excluded(rows, _KEY)
    full = [line for line in lines if line["dimensions"] == "all"]
    family_lines = [
        family_line(line, without[key]) for line in full if line["measure"] == "cka" and (key := _key(line)) in without
    ]
    appended = {(row["kind"], row["position"]): (int(row["n_appended"]), int(row["n_items"])) for row in whole}
    return {
        **state_of(lines, run, (STREAMS,), FEW),
        "measures": MEASURES,
        "kinds": sorted({line["kind"] for line in lines}, key=kind_order),
        "positions": list(dict.fromkeys(line["position"] for line in lines)),
        "lines": lines,
        "family_lines": family_lines,
        "told": [
            *_of_prompts(appended),
            *(_told(line, lines, without.get(_key(line), {})) for line in full if _is_told(line)),
        ],
    }


def current_rows(run: ComparisonRun, table: str) -> Rows:
    """The table's rows; StrataError when an earlier version wrote it, which read some prompts behind a piece of the answer."""
    rows = run.tables[table] or []
    if rows and "dimensions" not in rows[0]:
        file = run.run_dir / f"{table}.parquet"
        raise StrataError(
            f"{file} was written by an earlier version of Strata, which didn't look for dominant dimensions",
            "Compare the models again, with another --out",
        )
    return rows


def with_dominant(rows: Rows, key: Sequence[str], shares: Sequence[str]) -> list[Json]:
    """Lines by `key` and dimensions, each with its dominant dimensions and shares by stream.

    Without a dominant dimension there is nothing to trim: there the trimmed line is the other one.
    """
    rows = [row for row in rows if row["dimensions"] == "all" or row["dominant"]]
    rows += [{**row, "dimensions": "trimmed"} for row in rows if row["dimensions"] == "all" and not row["dominant"]]
    lines = gathered(rows, (*key, "dimensions"), axis="stream", layer="stream", extra=shares)
    named = {(*(row[name] for name in key), row["stream"]): row["dominant"] for row in rows}
    for line in lines:
        line["dominant"] = [named[(*(line[name] for name in key), stream)] for stream in line["layer"]]
        line["shares"] = [
            max((line[name][at] for name in shares if line[name][at] is not None), default=None)
            for at in range(len(line["layer"]))
        ]
    return lines


def drawn(line: Json) -> bool:
    """Without dominant dimensions there is nothing to leave out, and no second line."""
    return line["dimensions"] == "all" or any(line["dominant"])


def excluded(rows: Rows, key: Sequence[str]) -> dict[tuple[Any, ...], dict[str, dict[int, float]]]:
    """By `key` the values of all dimensions with each family excluded."""
    by_key: dict[tuple[Any, ...], dict[str, dict[int, float]]] = {}
    for row in rows:
        if row["excluded"] is not None and row["dimensions"] == "all" and row["value"] is not None:
            of = by_key.setdefault(tuple(row[name] for name in key), {}).setdefault(str(row["excluded"]), {})
            of[int(row["stream"])] = float(row["value"])
    return by_key


def family_line(line: Json, without: Families) -> Json:
    """The line again, its band the lowest and highest value with a family excluded."""
    by_stream = [[of[stream] for of in without.values() if stream in of] for stream in line["layer"]]
    low = [significant(min(values, default=None)) for values in by_stream]
    high = [significant(max(values, default=None)) for values in by_stream]
    method = f"lowest and highest value with one of {count(len(without), 'family', 'families')} excluded at a time"
    banded = {**line, "low": low, "high": high, "method": method}
    return banded | {"aria": f"{line['aria']}; bands: {method}"}


def dominance_words(line: Json) -> str:
    """Which dimensions are dominant where, and how much the largest holds."""
    most = max((share for share in line["shares"] if share is not None), default=None)
    holds = f"{_percent(most)} % {_OF[line.get('measure', 'cka')]}"
    streams = [stream for stream, named in zip(line["layer"], line["dominant"], strict=True) if named]
    if not streams:
        return f"no dimension is dominant (the largest holds {holds})"
    names = sorted({name for named in line["dominant"] if named for name in named.split(", ")}, key=int)
    which = f"dimension {names[0]} holds" if len(names) == 1 else f"dimensions {', '.join(names)} dominate: one holds"
    return f"{which} up to {holds} ({in_streams(streams)})"


def _percent(share: float | None) -> str:
    """With as many decimals as it takes not to be rounded up to the share from which on a dimension is dominant."""
    if share is None:
        return number(None)
    digits = 0
    while share < DOMINANT_SHARE <= round(share, digits + 2) and digits < 6:
        digits += 1
    return number(100 * share, digits)


def _is_told(line: Json) -> bool:
    """CKA always, of the kinds that the page draws; the cosine where a dimension carries it."""
    shown = line["kind"] in ("knowledge", "reasoning")
    return shown and (line["measure"] == "cka" or any(line["dominant"]))


def _told(line: Json, lines: Sequence[Json], without: Families) -> Json:
    trimmed = next(
        (candidate for candidate in lines if _key(candidate) == _key(line) and candidate["dimensions"] == "trimmed"),
        None,
    )
    values = {stream: value for stream, value in zip(line["layer"], line["mean"], strict=True) if value is not None}
    lowest = min(values, key=lambda stream: (values[stream], stream))
    parts = [
        f"lowest {_NAMES[line['measure']]} {number(values[lowest], 3)} at stream {lowest} ({count(line['n_items'], 'item')})",
        dimensions_told(line, trimmed),
    ]
    if line["measure"] == "cka":
        parts.append(_families_told(values, without))
    return {
        **{name: line[name] for name in _KEY},
        "text": f"{line['contrast'].capitalize()} with base, {line['kind']}, at {visible(str(line['position']))}: {'; '.join(parts)}.",
    }


def apart(line: Json, trimmed: Json) -> dict[int, tuple[float, float]]:
    """Streams at which the two lines disagree, with both values."""
    without = dict(zip(trimmed["layer"], trimmed["mean"], strict=True))
    both = {stream: (value, without.get(stream)) for stream, value in zip(line["layer"], line["mean"], strict=True)}
    return {
        stream: (full, other)
        for stream, (full, other) in both.items()
        if full is not None and other is not None and abs(full - other) >= APART
    }


def dimensions_told(line: Json, trimmed: Json | None) -> str:
    """What is dominant, and where the line without it says something else: how much of a fall it makes, or hides."""
    if trimmed is None:
        return dominance_words(line)
    named = {name for names in line["dominant"] if names for name in names.split(", ")}
    it = "it" if len(named) == 1 else "them"
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


_CARRIES = {
    "makes": "most of the fall at {where} goes with {it} ({values} without {it} at stream {at})",
    "adds": "a part of the fall at {where} goes with {it}, the rest stays ({values} without {it} at stream {at})",
    "hides": "most of a fall at {where} is hidden by {it} ({values} without {it} at stream {at})",
    "dampens": "a part of the fall at {where} is hidden by {it} ({values} without {it} at stream {at})",
}


def _carries(full: float, other: float) -> str:
    """What the dominant dimensions do at a stream: `MOST` of the fall below 1, with or without them, has to be theirs."""
    with_them, without = 1 - full, 1 - other
    if with_them > without:
        return "makes" if without < with_them * (1 - MOST) else "adds"
    return "hides" if with_them < without * (1 - MOST) else "dampens"


def _worst(disagree: Mapping[int, tuple[float, float]], streams: list[int]) -> dict[str, Any]:
    at = max(streams, key=lambda stream: abs(disagree[stream][0] - disagree[stream][1]))
    full, other = disagree[at]
    return {"at": at, "values": f"{number(other, 3)} instead of {number(full, 3)}"}


def _families_told(values: Mapping[int, float], without: Families) -> str:
    if len(without) < 2:
        return "all of one family, so none can be excluded"
    lowest = {family: min(of.values()) for family, of in without.items() if of}
    low, high = (pick(lowest, key=lambda family: lowest[family]) for pick in (min, max))
    alone = _made_by_one(values, without)
    ends = [number(lowest[family], 3) for family in (low, high)]
    text = (
        f"with one family excluded at a time the lowest lies between {ends[0]} (without {visible(low)}) "
        f"and {ends[1]} (without {visible(high)})"
        if ends[0] != ends[1]
        else f"with any one family excluded the lowest is {ends[0]}"
    )
    for family, streams in alone.items():
        there = min(without[family][stream] for stream in streams)
        before = min(values[stream] for stream in streams)
        text += (
            f"; only {visible(family)} makes it fall at {in_streams(streams)}: without it the lowest value there is "
            f"{number(there, 3)} instead of {number(before, 3)}"
        )
    return text


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


def _of_prompts(appended: Mapping[tuple[str, str], tuple[int, int]]) -> list[Json]:
    """For `last`, how many prompts are scored behind a start that is not read here."""
    counted = [
        f"{fed} of {asked} {kind} items"
        for (kind, position), (fed, asked) in appended.items()
        if position == "last" and fed
    ]
    if not counted:
        return []
    text = (
        f"Read at the last token of the prompts as they are written: {', '.join(counted)} are scored behind a first answer "
        "token that answer and foil share. Lenses and interventions read behind it; it is not read here."
    )
    return [{"contrast": "", "measure": "", "kind": "", "position": "last", "text": text}]


def in_streams(numbers: list[int]) -> str:
    return f"stream{'s' if len(numbers) > 1 else ''} {runs_text(numbers)}"


def _key(line: Json) -> tuple[Any, ...]:
    return tuple(line[name] for name in _KEY)
