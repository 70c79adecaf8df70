"""Under which names does a run of `strata.summary/1` hold what the code calls by the names of the literature, and is a run one?

The keys of that schema stay as they are; the tables of runs that were made before version 0.2.0 hold the older names too.
Nothing else in the project knows them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

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
_OLDER = {"interchange": "patching", "removal": "ablation", "norm_matched": "norm_matched_noise"}
"""Instrument or measure in a table of an older run: its name now. A window follows behind a dot."""
_COLUMNS = ("instrument", "measure")
_ONLY_THEN = "windows"
"""Setting of `locate` that decided numbers of the first rule and of no later one."""


def is_first(manifest: Mapping[str, Any]) -> bool:
    """Whether a manifest is that of a run, or of a comparison of runs, with a summary of this schema."""
    config = manifest.get("config")
    of_locate = config.get("locate", config) if isinstance(config, Mapping) else None
    return isinstance(of_locate, Mapping) and _ONLY_THEN in of_locate


def as_read(content: Mapping[str, Any]) -> dict[str, Any]:
    """What a file holds, with the names that the code knows."""
    return _renamed(content, {key: name for name, key in KEYS.items()})


def rows_as_read(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of a table of any age with today's instruments and measures."""
    return [row | {name: _newer(row[name]) for name in _COLUMNS if isinstance(row.get(name), str)} for row in rows]


def spellings(instrument: str) -> list[str]:
    """Under which names tables of any age hold an instrument."""
    return [instrument, *(older for older, name in _OLDER.items() if name == instrument)]


def _newer(name: str) -> str:
    first, dot, rest = name.partition(".")
    return f"{_OLDER.get(first, first)}{dot}{rest}"


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        return {names.get(key, key): _renamed(inner, names) for key, inner in value.items()}
    return [_renamed(inner, names) for inner in value] if isinstance(value, list) else value
