"""Under which names does a run of `strata.summary/1` hold what the code calls by the names of the literature, and is a run one?

The keys of that schema stay as they are; the tables of runs that were made before version 0.2.0 hold the older names too.
Nothing else in the project knows them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from strata.experiments.results.caveats import Caveat
from strata.experiments.results.file_versions import SUMMARY_SCHEMA
from strata.experiments.results.kinds import Order
from strata.experiments.results.locate_summary import (
    CausalSettings,
    CheckpointSummary,
    FamilyBehaviour,
    FamilySummary,
    Instruments,
    Intermediates,
    KindSummary,
    ReadOutOnset,
    Summary,
)
from strata.experiments.results.locate_tables import CurveRow, ProfileRow
from strata.experiments.results.reasons import WhyNotLocated, WhyNotOrdered, WhyNotPlaced
from strata.experiments.results.record import Record

SCHEMA = "strata.summary/1"
TABLES = ("behaviour", "profiles", "emergence", "probes", "curves", "locations")
"""What a finished `locate` of that schema holds."""
KEYS = {
    "excluded": "left_out",
    "a weak pair: clean and corrupted run differ by less than 1 logit":
        "a weak pair: clean and foil run differ by less than 1 logit",
    "no counterfactual prompt": "no foil prompt",
}  # fmt: skip
"""Name in the code: key in the file, of what is still read of it; reasons by which pairs are counted are keys too."""
_OLDER = {"interchange": "patching", "removal": "ablation", "skip": "zero"}
"""Instrument or measure in a table of an older run: its name now."""
_GONE = frozenset({"knockout", "attribution"})
"""Instruments with curves in those runs alone."""
_GONE_MEASURES = re.compile(
    r".*\.window\d+|(specific|beyond_damage|wrong)\..+|excess|random_donor|norm_matched(_noise)?|wrong_position|resample"
)
"""Measures of an intervention that those runs alone have: windows of a fixed size, the controls, and what is left beyond them."""
_EffectRow = TypeVar("_EffectRow", CurveRow, ProfileRow)
_COLUMNS = ("instrument", "measure")
_DEFINITION = "definition"
"""Of a stream of emergence: older tables hold its sentence behind its name and a colon."""
_ONLY_THEN = "windows"
"""Setting of `locate` that decided numbers of the first rule and of no later one."""


def is_first(manifest: Mapping[str, Any]) -> bool:
    """Whether a manifest is that of a run, or of a comparison of runs, with a summary of this schema."""
    config = manifest.get("config")
    of_locate = config.get("locate", config) if isinstance(config, Mapping) else None
    return isinstance(of_locate, Mapping) and _ONLY_THEN in of_locate


def summary_as_read(content: Mapping[str, Any]) -> Summary:
    """summary.json with the names that the code knows: how items were answered and read. Its places are withdrawn."""
    read = _renamed(content, {key: name for name, key in KEYS.items()})
    return Summary(
        schema=SUMMARY_SCHEMA,
        run=str(read.get("run") or ""),
        checkpoint=CheckpointSummary(spec=str(read["checkpoint"].get("spec") or ""), identity={}),
        n_layers=read["n_layers"],
        seed=read.get("seed") or 0,
        framing=read.get("framing") or "raw",
        families={entry["family"]: _family(entry) for entry in read.get("families") or []},
        kinds={kind: _kind(entry) for kind, entry in (read.get("kinds") or {}).items()},
        order=Order(verdict="undetermined", why=WhyNotOrdered(code="withdrawn")),
        hypothesis=(),
        causal=CausalSettings(map="default"),
        intermediates=Intermediates.model_validate(_known(read.get("intermediates"), Intermediates) or {}),
        quick=bool(read.get("quick")),
        limited=bool(read.get("limited")),
        warnings=tuple(Caveat(code="said", text=str(warning)) for warning in read.get("warnings") or []),
    )


def _family(entry: Mapping[str, Any]) -> FamilySummary:
    estimates = {name: _estimate(entry[name]) for name in ("accuracy", "by_likelihood", "by_choice") if entry.get(name)}
    known = {"decided_by": {}, "by_likelihood": None, "by_choice": None, **entry, **estimates}
    return FamilySummary(
        kind=entry["kind"], pairs=0, entities=0, answers=0, offered=0, answered_both=None,
        why_not_placed=WhyNotPlaced(code="withdrawn"),
        behaviour=FamilyBehaviour.model_validate(_known(known, FamilyBehaviour)),
    )  # fmt: skip


def _kind(entry: Mapping[str, Any]) -> KindSummary:
    pairs = entry.get("pairs") or {}
    read_outs = entry.get("instruments") or {}
    return KindSummary(
        families=0, testable=0, placed=0, why_not_located=WhyNotLocated(code="withdrawn"), items=entry["items"],
        used=entry["used"], accuracy=entry.get("accuracy"), decided_by=entry.get("decided_by") or {},
        excluded=entry.get("excluded") or {}, pairs=pairs.get("usable"), not_intervened_on=pairs.get("excluded") or {},
        instruments=Instruments.model_validate(
            {name: _instrument(read_outs[name]) for name in ("probe", "lens") if read_outs.get(name)}
        ),
    )  # fmt: skip


def _instrument(entry: Mapping[str, Any]) -> dict[str, Any]:
    onset = entry.get("onset")
    if not onset:
        return {"onset": None, "reason": {"code": "not-probed", "text": str(entry.get("reason") or "")}}
    return {"onset": {"depth": None, "interval": None, "definition": "", **_known(onset, ReadOutOnset)}}


def _estimate(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {"low": None, "high": None, "n_items": 0, "n_clusters": 0, "method": "", **entry}


def _known(entry: Any, record: type[Record]) -> dict[str, Any]:
    """What of an entry the code has a field for."""
    return (
        {name: value for name, value in entry.items() if name in record.model_fields}
        if isinstance(entry, Mapping)
        else {}
    )


def rows_as_read(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of a table of any age with today's instruments and measures."""
    return [
        row
        | {name: _OLDER.get(row[name], row[name]) for name in _COLUMNS if isinstance(row.get(name), str)}
        | ({_DEFINITION: row[_DEFINITION].partition(":")[0]} if _DEFINITION in row else {})
        for row in rows
    ]


def still_measured(rows: Iterable[_EffectRow]) -> list[_EffectRow]:
    """Rows of curves or profiles without those of instruments and measures that no page shows any more."""
    return [
        row
        for row in rows
        if row.instrument not in _GONE
        and not (row.instrument in ("patching", "ablation", "damage") and _GONE_MEASURES.fullmatch(row.measure))
    ]


def spellings(instrument: str) -> list[str]:
    """Under which names tables of any age hold an instrument."""
    return [instrument, *(older for older, name in _OLDER.items() if name == instrument)]


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        return {names.get(key, key): _renamed(inner, names) for key, inner in value.items()}
    return [_renamed(inner, names) for inner in value] if isinstance(value, list) else value
