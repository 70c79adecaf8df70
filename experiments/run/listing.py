"""Which runs lie under a directory, how far is each, and what does it say? Read from its manifest and its result, never from its tables.

What was read of a run is kept until one of its files changes, so a second look at many runs costs hardly more than asking the file system.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from strata.experiments.results.file_versions import COMPARISON_SCHEMA, PROBE_SCHEMA, SUMMARY_SCHEMA
from strata.experiments.results.kinds import Located
from strata.experiments.run import summary_version_1
from strata.experiments.run.files import MANIFEST, OtherVersionError, is_whole, read_manifest
from strata.experiments.run.finished import COMPARISON, SUMMARY
from strata.experiments.run.manifest import Manifest
from strata.experiments.run.progress_file import PROGRESS_FILE, RunProgress
from strata.probes.errors import StrataError
from strata.probes.files.foreign_files import file_bytes

State = Literal[
    "done",
    "running",  # as its manifest says; whether a process is still at work isn't known, when it was last heard of is
    "stopped",
    "failed",
    "damaged",  # a file isn't what the run wrote
    "other-version",  # of another version of Strata, newer or older
]
PAGE = "report.html"
MOST_LEVELS = 6
"""Of directories inside each other that are looked into."""
MOST_DIRECTORIES = 20_000
MOST_RUNS = 5_000
_RESULTS = {
    "locate": (SUMMARY, SUMMARY_SCHEMA),
    "probe": (SUMMARY, PROBE_SCHEMA),
    "compare": (COMPARISON, COMPARISON_SCHEMA),
}
_LOOKED_AT = (MANIFEST, SUMMARY, COMPARISON, PROGRESS_FILE.name, PAGE)
_State = tuple[tuple[int, int] | None, ...]
"""When each of these was written and how large it is; None where there is none."""
_NO_RUNS_IN = ("parts", "activations", "report_assets")


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Spec(_Read):
    spec: str = ""


class _Order(_Read):
    verdict: str = "undetermined"


class _Hypothesis(_Read):
    hypothesis: str = "undetermined"


class _KindOfRun(_Read):
    located: Located | None = None


class _KindCompared(_Read):
    located: Mapping[str, Located | None] = {}


class _SchemaRead(_Read):
    schema_: str = Field("", alias="schema")


class _BareRead(_Read):
    checkpoint: _Spec = _Spec()
    quick: bool = False
    limited: bool = False


class _SummaryRead(_BareRead):
    kinds: Mapping[str, _KindOfRun] = {}
    order: _Order = _Order()


class _ComparisonRead(_Read):
    models: Mapping[str, _Spec] = {}
    kinds: Mapping[str, _KindCompared] = {}
    verdict: _Hypothesis = _Hypothesis()
    quick: bool = False
    limited: bool = False


@dataclass(frozen=True)
class Said:
    """What the result of a run says, as far as a list of runs shows it."""

    models: tuple[str, ...]
    """As the person wrote them; of a comparison base first."""
    located: Mapping[tuple[str, str], Located | None]
    """By kind and, of a comparison, model (else the empty name)."""
    verdict: str
    """Of the order of two kinds (`locate`) or the hypothesis (`compare`); empty for a `probe`."""
    quick: bool
    limited: bool


@dataclass(frozen=True)
class ListedRun:
    key: str
    """Its path below the directory that was looked through, `/` between the parts."""
    directory: Path
    state: State
    problem: str = ""
    """What is missing or wrong, as the reader of the file said it; empty where nothing is."""
    manifest: Manifest | None = None
    """None where it can't be read."""
    said: Said | None = None
    """None where there is no result that can be read."""
    progress: RunProgress | None = None
    """Of one that is running."""
    has_page: bool = False
    heard: float = 0.0
    """When a file of it was last written, seconds since 1970."""

    @property
    def verb(self) -> str:
        """Empty where it isn't known."""
        return "" if self.manifest is None else self.manifest.verb

    @property
    def models(self) -> tuple[str, ...]:
        """From its result, else from its manifest."""
        if self.said is not None:
            return self.said.models
        spec = "" if self.manifest is None else self.manifest.checkpoint.spec
        return (spec,) if spec else ()


@dataclass
class RunList:
    """The runs under a directory. `runs` looks anew each time."""

    root: Path
    _kept: dict[str, tuple[_State, ListedRun]] = field(default_factory=dict)

    def runs(self) -> list[ListedRun]:
        """All of them by key; runs of a comparison's models as well. Links to directories aren't followed.

        Raises StrataError where the directory can't be read.
        """
        if not self.root.is_dir():
            raise StrataError(f"{self.root} is not a directory", "Give the directory that holds the runs")
        found: dict[str, tuple[_State, ListedRun]] = {}
        for key, directory in _run_directories(self.root):
            state = _state_of_files(directory)
            kept = self._kept.get(key)
            found[key] = kept if kept is not None and kept[0] == state else (state, _read(key, directory))
        self._kept = found
        return [run for _, run in found.values()]

    def run(self, key: str) -> ListedRun | None:
        """The one of this key as it is now; None where there is none."""
        if key not in self._kept:
            self.runs()
        kept = self._kept.get(key)
        if kept is None:
            return None
        directory = kept[1].directory
        state = _state_of_files(directory)
        if state[0] is None:  # its manifest has gone
            return None
        if state != kept[0]:
            kept = self._kept[key] = (state, _read(key, directory))
        return kept[1]


def _run_directories(root: Path) -> Iterator[tuple[str, Path]]:
    waiting, directories, runs = [(root, 0)], 0, 0
    while waiting and directories < MOST_DIRECTORIES and runs < MOST_RUNS:
        directory, level = waiting.pop(0)
        directories += 1
        try:
            with os.scandir(directory) as entries:
                inside = sorted(entries, key=lambda entry: entry.name)
        except OSError:
            continue
        if any(entry.name == MANIFEST for entry in inside):
            runs += 1
            yield directory.relative_to(root).as_posix() if directory != root else root.resolve().name, directory
        if level < MOST_LEVELS:
            names = [
                e.name
                for e in inside
                if not e.name.startswith(".") and e.name not in _NO_RUNS_IN and e.is_dir(follow_symlinks=False)
            ]
            waiting += [(directory / name, level + 1) for name in names]


def _state_of_files(directory: Path) -> _State:
    return tuple(_file_state(directory / name) for name in _LOOKED_AT)


def _file_state(file: Path) -> tuple[int, int] | None:
    try:
        state = file.stat()
    except OSError:
        return None
    return state.st_mtime_ns, state.st_size


def _read(key: str, directory: Path) -> ListedRun:
    states = _state_of_files(directory)
    heard = max((state[0] for state in states if state is not None), default=0) / 1e9
    has_page = states[-1] is not None
    try:
        manifest = read_manifest(directory)
    except StrataError as error:
        return ListedRun(key, directory, _broken(error), error.what, has_page=has_page, heard=heard)
    known = ListedRun(key, directory, _state(manifest), "", manifest, None, None, has_page, heard)
    result = _RESULTS.get(manifest.verb)
    try:
        if known.state == "running":
            return replace(known, progress=_progress(directory))
        if result is None:
            return known
        name, schema = result
        if not (directory / name).exists():
            if known.state != "done":
                return known
            return replace(known, state="damaged", problem=f"{name} is missing")
        return replace(known, said=_said(directory, manifest, name, schema))
    except StrataError as error:
        return replace(known, state=_broken(error), problem=error.what)


def _state(manifest: Manifest) -> State:
    known: dict[str, State] = {"done": "done", "running": "running", "failed": "failed"}
    return known.get(manifest.status, "stopped")


def _broken(error: StrataError) -> State:
    return "other-version" if isinstance(error, OtherVersionError) else "damaged"


def _said(directory: Path, manifest: Manifest, name: str, schema: str) -> Said:
    """Raises StrataError where it isn't what the run wrote, OtherVersionError where another version wrote it."""
    if manifest.has_checksums:
        is_whole(directory, manifest.files, name)
    raw = file_bytes(directory / name)
    try:
        written = _SchemaRead.model_validate_json(raw).schema_
        if written not in (schema, summary_version_1.SCHEMA):
            raise OtherVersionError(f"{directory / name} is {written[:60]!r}, this Strata reads {schema!r}")
        if manifest.verb == "compare":
            compared = _ComparisonRead.model_validate_json(raw)
            located = {
                (kind, model): place for kind, of in compared.kinds.items() for model, place in of.located.items()
            }
            specs = tuple(model.spec for model in compared.models.values())
            return Said(specs, located, compared.verdict.hypothesis, compared.quick, compared.limited)
        if written == summary_version_1.SCHEMA or manifest.verb == "probe":
            bare = _BareRead.model_validate_json(raw)
            return Said((bare.checkpoint.spec,), {}, "", bare.quick, bare.limited)
        summary = _SummaryRead.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise StrataError(f"{directory / name} is damaged ({f'{where}: ' if where else ''}{first['msg']})") from error
    places = {(kind, ""): of.located for kind, of in summary.kinds.items()}
    return Said((summary.checkpoint.spec,), places, summary.order.verdict, summary.quick, summary.limited)


def _progress(directory: Path) -> RunProgress | None:
    """None where there is none, or none that can be read: it is a courtesy, and no result."""
    try:
        return RunProgress.model_validate_json(file_bytes(directory / PROGRESS_FILE.name))
    except (StrataError, ValidationError):
        return None
