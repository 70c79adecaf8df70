"""Can the instrument be trusted? Localises in planted models whose truth is known and in models with nothing to find.

Prints for every construction how many families are placed right, in part, not at all or wrongly, whether the order of
the kinds is right, how often intervals hold the true ends, what is claimed of nulls, and power by number of pairs.
With --real it also says how many pairs the rule needs on a real model, by subsets of the pairs of its families, and with
--coverage how often intervals reach the true ends of simulated families whose entities differ.
Results are kept line by line: a second start with the same --out goes on where the first was stopped.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from strata.dashboards.cli.common_options import DisplayOptions, ModelOptions, open_from, tell_caveats
from strata.dashboards.cli.display import only_results_on_stdout
from strata.dashboards.cli.options import add_options, chosen_options, option, options_of
from strata.dashboards.cli.terminal import PlainConsole, write_json
from strata.experiments.declared_setting import positive, whole
from strata.probes.errors import StrataError
from strata.probes.files.atomic_writes import write_whole

if TYPE_CHECKING:
    from strata.experiments.calibrate.comparisons.planted_pair import PlantedPair
    from strata.experiments.calibrate.construction import Construction
    from strata.experiments.calibrate.shipped_plant import ShippedPlant
    from strata.experiments.results.calibration import FamilyPower, Sample

FULL_NULLS = 200
MOST_WORKERS = 4
"""Where nothing is said: each holds the libraries anew."""
EXAMPLES = """examples:
  strata calibrate
  strata calibrate --full --workers 16 --out runs/full
  strata calibrate --half judge --nulls 100 --out runs/calibration
  strata calibrate --half tune --only superposed,blurred --json
  strata calibrate --half all --power --workers 2
  strata calibrate --half none --effects
  strata calibrate --half none --pairs all
  strata calibrate --half none --real smollm2 --families animal_class,addition
  strata calibrate --half none --coverage 200
"""


def _number_or_all(text: str) -> str:
    return text if text == "all" else str(whole(text))


@dataclass(frozen=True)
class Options:
    half: Literal["tune", "judge", "all", "none"] | None = option(
        None, "tune: constructions that the rule was tuned on; judge: the others; all; none (default: judge, or a sample of it where nothing else is chosen)", "models",
        choices=("tune", "judge", "all", "none"),
    )  # fmt: skip
    only: tuple[str, ...] = option(
        (), "only constructions whose name contains one of these", "models", metavar="TEXT,…"
    )
    nulls: int | None = option(
        None, "models with nothing to find, a quarter of each kind, and beside every twenty two that have no answer (default: the sample's)", "models", whole, metavar="N"
    )  # fmt: skip
    full: bool = option(False, "everything: both halves, 220 models with nothing to find, power", "models")
    shipped: Literal["sample", "compiled", "all", "none"] | None = option(
        None,
        "plants that come with the package: compiled programs, and plants of the embedded model (sample: one in either order)",
        "models",
        choices=("sample", "compiled", "all", "none"),
    )
    instruments: bool = option(
        False, "what residual patching, single contributions, probes and the lens say of some constructions", "models"
    )
    power: bool = option(False, "those with noise again with 8, 12, 18 and 24 pairs a family", "models")
    effects: bool = option(
        False,
        "how small a share of an answer is seen, and by how many pairs: two blocks of each cell write shares of it",
        "models",
    )
    pairs: str | None = option(
        None, "planted pairs that are compared, a number or all: what changed is known, or nothing did", "models", _number_or_all,
        metavar="N|all",
    )  # fmt: skip
    real: str | None = option(
        None, "a checkpoint of which the rule is applied to subsets of 8, 12, 18 and 24 pairs a family", "a real model",
        metavar="CHECKPOINT",
    )  # fmt: skip
    families: tuple[str, ...] = option(
        (),
        "built-in families, kinds or domains that it is asked (default: a selection)",
        "a real model",
        metavar="NAME,…",
    )
    items: str | None = option(
        None, "a JSON Lines file of items instead of the built-in families", "a real model", metavar="FILE"
    )
    model: ModelOptions = field(default_factory=ModelOptions)
    coverage: int = option(
        0, "simulated families of each size of noise, for the coverage of intervals", "simulation", whole, metavar="N"
    )
    seed: int = option(0, "seed of the localisation", "models", whole, metavar="N")
    workers: int | None = option(
        None, f"processes (default: one a core, {MOST_WORKERS} at most)", "running", positive, metavar="N"
    )
    out: str = option("runs/calibration", "directory of the results", "running", metavar="DIR")
    shown: DisplayOptions = field(default_factory=DisplayOptions)


@dataclass(frozen=True)
class Asked:
    """What a sample consists of."""

    sample: Sample
    constructions: Sequence[Construction]
    nulls: int
    shipped: Literal["sample", "compiled", "all", "none"]
    power: bool
    effects: bool
    pairs: tuple[PlantedPair, ...]
    instruments: tuple[str, ...]
    """Constructions that other instruments are asked about."""


def _asked(options: Options) -> Asked:
    from strata.experiments.calibrate import default_sample
    from strata.experiments.calibrate.comparisons.planted_pairs import first_pairs
    from strata.experiments.calibrate.construction_lookup import constructions
    from strata.experiments.calibrate.instruments import INSTRUMENTED
    from strata.experiments.calibrate.pipeline import with_names

    if options.full:
        pairs = first_pairs(options.pairs or "all")
        chosen = with_names(constructions("all"), options.only)
        return Asked("full", chosen, FULL_NULLS, options.shipped or "all", True, True, pairs, INSTRUMENTED)
    if _nothing_chosen(options):
        return Asked(
            "default",
            default_sample.sampled_constructions(),
            default_sample.NULLS,
            options.shipped or "sample",
            False,
            False,
            first_pairs(str(default_sample.PAIRS)),
            INSTRUMENTED[: default_sample.INSTRUMENTED],
        )
    return Asked(
        "chosen",
        () if options.half == "none" else with_names(constructions(options.half or "judge"), options.only),
        options.nulls or 0,
        options.shipped or "none",
        options.power,
        options.effects,
        first_pairs(options.pairs or "0"),
        INSTRUMENTED if options.instruments else (),
    )


def _nothing_chosen(options: Options) -> bool:
    return options.half is None and options.nulls is None and not (
        options.only or options.power or options.effects or options.pairs or options.real or options.coverage or options.instruments
    )  # fmt: skip


def _shipped(asked: Asked) -> Sequence[ShippedPlant]:
    from strata.experiments.calibrate.embedded.plant_files import shipped_plants
    from strata.experiments.calibrate.shipped_plant import SAMPLED, compiled_plants, embedded_plants

    if asked.shipped == "none":
        return ()
    trained = (
        embedded_plants(SAMPLED if asked.shipped == "sample" else ())
        if shipped_plants() and asked.shipped != "compiled"
        else ()
    )
    return (*compiled_plants(), *trained)


def configure(parser: argparse.ArgumentParser) -> None:
    add_options(parser, options_of(Options))


def run(arguments: argparse.Namespace, command: list[str]) -> int:
    options = chosen_options(Options, arguments)
    display = options.shown.made()
    with ExitStack() as kept, only_results_on_stdout() as stdout, display.listening():
        from importlib.metadata import version

        from strata.dashboards.cli.calibration_tables import print_calibration, print_coverage, print_real
        from strata.dashboards.page.calibration_page import write_calibration_page
        from strata.dashboards.sentences.calibration import calibrated_sentence
        from strata.experiments.calibrate.attribution_screen import screen_records
        from strata.experiments.calibrate.comparisons.compare_pairs import PairJob, compare_pairs
        from strata.experiments.calibrate.comparisons.comparison_records import compared_pairs
        from strata.experiments.calibrate.construction_lookup import construction
        from strata.experiments.calibrate.instruments import instrument_records, other_instruments
        from strata.experiments.calibrate.nulls import nulls
        from strata.experiments.calibrate.pipeline import calibrate, jobs_of
        from strata.experiments.calibrate.real_family_power import subsampled_power
        from strata.experiments.calibrate.record import record_of
        from strata.experiments.calibrate.shared_effects import shared_effects
        from strata.experiments.calibrate.simulated_coverage import simulated_coverage
        from strata.experiments.locate.interventions_only import localise_summary
        from strata.experiments.results.calibration import CALIBRATION_FILE
        from strata.experiments.run.directory_lock import alone_in
        from strata.probes.files.atomic_writes import remove_unfinished

        if not options.real and (options.families or options.items):
            raise StrataError("--families and --items are of a real model, and none is named", "Add --real CHECKPOINT")
        if options.half == "none" and not (
            options.nulls or options.real or options.coverage or options.full or options.shipped or options.effects
            or options.pairs not in (None, "0")
        ):  # fmt: skip
            raise StrataError(
                "--half none leaves nothing to calibrate",
                "Add --nulls N, --effects, --pairs N, --real CHECKPOINT or --coverage N",
            )
        # Opened first: a name that isn't there is told before the planted models run.
        checkpoint = open_from(options.real, options.model, display) if options.real else None
        asked = _asked(options)
        effects = shared_effects() if asked.effects else ()
        workers = options.workers or min(MOST_WORKERS, os.cpu_count() or 1)
        kept.enter_context(alone_in(Path(options.out)))
        remove_unfinished(Path(options.out), "*")
        rows = calibrate(
            jobs_of(
                asked.constructions,
                nulls(asked.nulls),
                _shipped(asked),
                power=asked.power,
                effects=effects,
                seed=options.seed,
            ),
            localise_summary,
            Path(options.out),
            workers=workers,
            progress=display,
        )
        answered = compare_pairs(
            [PairJob(pair, options.seed) for pair in asked.pairs], Path(options.out), workers=workers, progress=display
        )  # fmt: skip
        real: list[FamilyPower] = []
        if checkpoint is not None:
            tell_caveats(checkpoint)
            real = subsampled_power(
                checkpoint,
                Path(options.out),
                families=options.families,
                items=Path(options.items) if options.items else None,
                seed=options.seed,
                progress=display,
            )
        coverage = {}
        if options.coverage:
            coverage = simulated_coverage(options.coverage, seed=options.seed, progress=display)
        beside = other_instruments(
            [construction(name) for name in asked.instruments], Path(options.out), progress=display
        )
        of_pairs = compared_pairs(asked.pairs, answered)
        record = record_of(
            rows,
            version=version("strata-probes"),
            command=command,
            seed=options.seed,
            sample=asked.sample,
            instruments=tuple(instrument_records(beside.findings)),
            screens=tuple(screen_records(beside.screened)),
        )
        record = record.model_copy(
            update={
                "real": tuple(real), "simulated": coverage, "comparisons": of_pairs.comparisons, "compared": of_pairs.compared,
                "failed": {**record.failed, **of_pairs.failed},
            }
        )  # fmt: skip
        write_whole(Path(options.out) / CALIBRATION_FILE.name, CALIBRATION_FILE.text(record))
        page = write_calibration_page(Path(options.out), record)
        if options.shown.json:
            write_json(stdout, record.as_json())
        else:
            console = PlainConsole(stdout)
            print_calibration(record, console)
            print_real(real, console)
            print_coverage(coverage, console)
            console.print(calibrated_sentence(record), soft_wrap=True)
            console.print(f"page: {page}", soft_wrap=True)
    return 0
