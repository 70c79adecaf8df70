"""What does a person ask of a sweep? A TOML file: checkpoints or doses, seeds, framings, item files, and options of the runs."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from strata.experiments.declared_setting import MOST
from strata.experiments.items.framing import Framing
from strata.probes.errors import StrataError
from strata.probes.files.foreign_files import UnreadableError, decoded, file_bytes, parse_toml

MOST_SHARDS = 1_000
_ALLOWED = {
    "": ("checkpoints", "dose", "seeds", "framings", "items", "shards", "axis", "options"),
    "dose": ("base", "distilled", "doses"),
    "checkpoints": ("spec", "at"),
}


@dataclass(frozen=True)
class GivenCheckpoint:
    spec: str
    """As `open_checkpoint` takes it."""
    at: float | None = None
    """Where the person says that it stands on the axis."""


@dataclass(frozen=True)
class SweepFile:
    checkpoints: tuple[GivenCheckpoint, ...]
    """Those of the file and, behind them, those that its doses stand for; each once."""
    seeds: tuple[int, ...]
    framings: tuple[Framing, ...]
    items: tuple[Path | None, ...]
    """Item files; None stands for the built-in families."""
    shards: int
    """Into how many parts the families of every run are dealt, which are intervened on side by side."""
    axis: str | None
    """What `at` counts, where the person says so."""
    options: Mapping[str, JsonValue]
    """Of every run, by the names that its command has for them."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Checkpoint(_Part):
    spec: str = Field(min_length=1)
    at: float | None = None


class _Doses(_Part):
    base: str = Field(min_length=1)
    distilled: str = Field(min_length=1)
    doses: list[float] = Field(min_length=1)


class _Written(_Part):
    checkpoints: list[str | _Checkpoint] = []
    dose: _Doses | None = None
    seeds: list[int] = Field([0], min_length=1)
    framings: list[Framing] = Field(["raw"], min_length=1)
    items: list[str] = []
    shards: int = Field(1, ge=1, le=MOST_SHARDS)
    axis: str | None = Field(None, min_length=1)
    options: dict[str, JsonValue] = {}


def read_sweep(file: Path) -> SweepFile:
    """The file, checked. Raises StrataError naming file and key for what isn't TOML, isn't a known key or hasn't the right type."""
    try:
        values = parse_toml(decoded(file_bytes(file, "Give the sweep's TOML file")))
    except UnreadableError as error:
        where = f" in line {error.line}" if error.line else ""
        raise StrataError(f"{file} could not be read: {error.reason}{where}", "Mend it") from error
    try:
        written = _Written.model_validate(values)
    except ValidationError as error:
        raise _departure(file, error) from error
    for number, seed in enumerate(written.seeds):
        if not 0 <= seed <= MOST:
            raise StrataError(f"{file}: seeds[{number}] is {seed}", f"Give a whole number from 0 to {MOST:,}")
    checkpoints = [
        GivenCheckpoint(each) if isinstance(each, str) else GivenCheckpoint(each.spec, each.at)
        for each in written.checkpoints
    ]
    checkpoints += _doses(file, written.dose)
    each_once: dict[str, GivenCheckpoint] = {}
    for checkpoint in checkpoints:
        each_once.setdefault(checkpoint.spec, checkpoint)
    if not checkpoints:
        raise StrataError(f"{file} names no checkpoint", 'Write checkpoints = ["smollm2", …], or a table [dose]')
    if written.axis is not None and not any(each.at is not None for each in checkpoints):
        raise StrataError(
            f"{file} names the axis {written.axis!r}, and no checkpoint says where it stands on it",
            'Write checkpoints = [{ spec = "org/name", at = 1.5 }, …]',
        )
    return SweepFile(
        checkpoints=tuple(each_once.values()),
        seeds=tuple(dict.fromkeys(written.seeds)),
        framings=tuple(dict.fromkeys(written.framings)),
        items=tuple(dict.fromkeys(map(Path, written.items))) or (None,),
        shards=written.shards,
        axis=written.axis,
        options={name.replace("-", "_"): value for name, value in written.options.items()},
    )


def _doses(file: Path, doses: _Doses | None) -> list[GivenCheckpoint]:
    if doses is None:
        return []
    odd = next((dose for dose in doses.doses if not 0 <= dose <= 1), None)
    if odd is not None:
        raise StrataError(f"{file}: dose.doses holds {odd:g}", "Give numbers from 0 (base) to 1 (distilled)")
    return [GivenCheckpoint(f"{doses.base}~{_shortest(dose)}~{doses.distilled}") for dose in doses.doses]


def _shortest(dose: float) -> str:
    short = f"{dose:g}"
    return short if float(short) == dose else repr(dose)


def _departure(file: Path, error: ValidationError) -> StrataError:
    # Of what may be text or a table, the table's own fault says more.
    first = max(error.errors(), key=lambda each: len(each["loc"]))
    path = [str(part) for part in first["loc"] if part not in ("str", "_Checkpoint")]
    where = ".".join(path)
    if first["type"] == "extra_forbidden":
        known = _ALLOWED["" if len(path) == 1 else path[0]]
        near = difflib.get_close_matches(path[-1], known, 1)
        hint = f"Did you mean {near[0]}? " if near else ""
        return StrataError(f"{file}: there is no key {where!r}", f"{hint}Known: {', '.join(known)}")
    return StrataError(f"{file}: {where}: {first['msg'].lower()}", "See strata sweep --help for an example")
