"""One `strata locate` of a sweep: with what it is asked, and how it, or a part of it, is made in whichever process it is handed to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import JsonValue

from strata.dashboards.cli.common_options import open_from, run_controls
from strata.dashboards.cli.display import Display
from strata.dashboards.cli.options import options_of_table
from strata.dashboards.cli.verb_locate import Options, locate_into
from strata.dashboards.option_values import OptionValue
from strata.dashboards.quick_settings import QUICK_LOCATE
from strata.dashboards.typed_command import command_words
from strata.experiments.lens.named_lenses import text_sha256
from strata.experiments.locate.causal.pipeline import Shard
from strata.experiments.locate.pipeline import locate_shard
from strata.experiments.run.manifest import JsonObject
from strata.experiments.sweep.attempt import Job
from strata.experiments.sweep.pipeline import Jobs
from strata.experiments.sweep.planned_runs import PlannedRun
from strata.probes.errors import StrataError
from strata.probes.progress import Progress

_OF_SWEEP = {
    "seed": "seeds", "framing": "framings", "items": "items", "out": "", "display": "", "json": "",
}  # fmt: skip
"""Options of `locate` that the sweep sets itself, and the key that lists several."""


def locate_options(
    table: Mapping[str, JsonValue], where: str, planned: PlannedRun, *, trust_remote_code: bool = False
) -> Options:
    """Options of one run: those of the sweep file's table, with what the sweep sets.

    Raises StrataError naming the file `where` for an unknown option, a bad value and one that the sweep sets.
    """
    _refuse_own(table, where)
    return options_of_table(Options, table, where, _set_by_sweep(planned, trust_remote_code), QUICK_LOCATE)


def shared_settings(options: Options) -> JsonObject:
    """What decides the numbers of all runs of a sweep alike, as its identity has it."""
    config: JsonObject = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in asdict(options.config).items()
        if name not in ("seed", "framing", "text")
    }
    return config | {
        "text_sha256": text_sha256(options.config.text), "dtype": options.model.dtype, "attention": options.model.attention,
        "backend": options.through.chosen().label,
    }  # fmt: skip


def locate_jobs(planned: PlannedRun, sweep: Path, options: Options, table: Mapping[str, JsonValue]) -> Jobs:
    """How a run of the sweep in the directory `sweep` is made. `table`: options as the sweep file has them."""
    # Absolute, since a worker may stand elsewhere.
    out, parts = (sweep / planned.key).absolute(), [(sweep / key).absolute() for key in planned.shard_keys]
    command = _command(planned, out, table)
    shards: dict[str, Job] = {
        key: SweptShard(planned.checkpoint, options, part, command, Shard(number, len(parts)))
        for number, (key, part) in enumerate(zip(planned.shard_keys, parts, strict=True))
    }
    return Jobs(shards, SweptLocate(planned.checkpoint, options, out, command, tuple(parts)))


@dataclass(frozen=True)
class SweptLocate:
    """Can be handed to another process."""

    checkpoint: str
    options: Options
    out: Path
    command: tuple[str, ...]
    """That asks the same by itself."""
    shards: tuple[Path, ...]
    """Parts of it that may be made already."""

    def __call__(self, progress: Progress) -> None:
        locate_into(self.checkpoint, self.options, self.out, self.command, _HandedOn(progress), self.shards)


@dataclass(frozen=True)
class SweptShard:
    """A part of one, likewise."""

    checkpoint: str
    options: Options
    out: Path
    command: tuple[str, ...]
    shard: Shard

    def __call__(self, progress: Progress) -> None:
        display = _HandedOn(progress)
        locate_shard(
            open_from(self.checkpoint, self.options.model, display, self.options.through.chosen()),
            self.options.config,
            self.out,
            self.shard,
            items=Path(self.options.items) if self.options.items else None,
            through=self.options.through.chosen(),
            controls=run_controls(self.options, self.options.running, self.command, display),
        )


class _HandedOn(Display):
    """Shows nothing itself: whoever runs the sweep hears it, and the run's directory says how far it is."""

    def __init__(self, heard: Progress) -> None:
        super().__init__("none")
        self._heard = heard

    def __call__(self, stage: str, done: int, total: int | None, unit: str) -> None:
        super().__call__(stage, done, total, unit)
        self._heard(stage, done, total, unit)


def _command(planned: PlannedRun, out: Path, table: Mapping[str, JsonValue]) -> tuple[str, ...]:
    typed: dict[str, OptionValue] = {
        name: tuple(map(str, value)) if isinstance(value, list) else value
        for name, value in table.items()
        if not isinstance(value, dict)
    }
    own = _set_by_sweep(planned, trust_remote_code=False)
    shown = {**typed, "seed": own["seed"], "framing": own["framing"], "items": own["items"], "out": str(out)}
    return tuple(command_words("locate", [planned.checkpoint], shown)[1:])


def _set_by_sweep(planned: PlannedRun, trust_remote_code: bool) -> dict[str, OptionValue]:
    return {
        "seed": planned.seed,
        "framing": planned.framing,
        "items": None if planned.items is None else str(planned.items),
        "display": "none",
        **({"trust_remote_code": True} if trust_remote_code else {}),
    }


def _refuse_own(table: Mapping[str, JsonValue], where: str) -> None:
    for name in table:
        if name in _OF_SWEEP:
            key = _OF_SWEEP[name]
            raise StrataError(
                f"{where}: {name} stands in [options], and a sweep sets it itself",
                f"Write {key} = […] above the tables" if key else "Take it out, and give it on the command line",
            )
