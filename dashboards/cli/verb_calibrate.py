"""Can the instrument be trusted? Localises in planted models whose truth is known and in models with nothing to find.

Prints for every construction how many families are placed right, in part, not at all or wrongly, whether the order of
the kinds is right, how often intervals hold the true ends, what is claimed of nulls, and power by number of pairs.
With --real it also says how many pairs the rule needs on a real model, by subsets of the pairs of its families, and with
--coverage how often intervals reach the true ends of simulated families whose entities differ.
Results are kept line by line: a second start with the same --out goes on where the first was stopped.
"""

from __future__ import annotations

import argparse
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rich.console import Console

from strata.dashboards.cli.common_options import DisplayOptions, ModelOptions, open_from, tell_caveats
from strata.dashboards.cli.display import only_results_on_stdout
from strata.dashboards.cli.options import add_options, chosen_options, option, options_of
from strata.dashboards.cli.terminal import PlainConsole, write_json
from strata.dashboards.cli.terminal_tables import Column, print_table
from strata.experiments.setting import positive, whole
from strata.probes.errors import StrataError
from strata.probes.files import write_whole

if TYPE_CHECKING:
    from strata.experiments.calibrate.shipped_plant import ShippedPlant
    from strata.experiments.results.calibration import (
        CalibratedPart,
        Calibration,
        CoverageTally,
        FamilyPower,
        NullRecord,
        OrderRecord,
        PlaceRecord,
        Sample,
        Share,
        SubsetTally,
    )

DEFAULT_NULLS, FULL_NULLS = 12, 200
INSTRUMENTED_BY_DEFAULT = 4
EXAMPLES = """examples:
  strata calibrate
  strata calibrate --full --workers 16 --out runs/full
  strata calibrate --half judge --nulls 100 --out runs/calibration
  strata calibrate --half tune --only superposed,blurred --json
  strata calibrate --half all --power --workers 2
  strata calibrate --half none --effects
  strata calibrate --half none --real smollm2 --families animal_class,addition
  strata calibrate --half none --coverage 200
"""


@dataclass(frozen=True)
class Options:
    half: Literal["tune", "judge", "all", "none"] = option(
        "judge", "tune: constructions that the rule was tuned on; judge: the others; all; none", "models",
        choices=("tune", "judge", "all", "none"),
    )  # fmt: skip
    only: tuple[str, ...] = option(
        (), "only constructions whose name contains one of these", "models", metavar="TEXT,…"
    )
    nulls: int | None = option(
        None, "models with nothing to find, a quarter of each kind (12 where nothing else is chosen)", "models", whole, metavar="N"
    )  # fmt: skip
    full: bool = option(False, "everything: both halves, 200 models with nothing to find, power", "models")
    shipped: Literal["sample", "compiled", "all", "none"] | None = option(
        None,
        "plants that come with the package: compiled programs, and plants of the embedded model (sample: one in either order)",
        "models",
        choices=("sample", "compiled", "all", "none"),
    )
    instruments: bool = option(
        False, "what residual patching, single contributions, probes and the lens say of some constructions", "models"
    )
    power: bool = option(False, "the same again with 8, 12, 18 and 24 pairs a family", "models")
    effects: bool = option(
        False, "how small a share of an answer is seen: two blocks of each cell write shares of it", "models"
    )
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
    workers: int = option(1, "processes", "running", positive, metavar="N")
    out: str = option("runs/calibration", "directory of the results", "running", metavar="DIR")
    shown: DisplayOptions = field(default_factory=DisplayOptions)


@dataclass(frozen=True)
class Asked:
    """What a sample consists of."""

    sample: Sample
    half: Literal["tune", "judge", "all", "none"]
    nulls: int
    shipped: Literal["sample", "compiled", "all", "none"]
    power: bool
    effects: bool
    instruments: tuple[str, ...]
    """Constructions that other instruments are asked about."""


def _asked(options: Options) -> Asked:
    from strata.experiments.calibrate.instruments import INSTRUMENTED

    if options.full:
        return Asked("full", "all", FULL_NULLS, options.shipped or "all", True, True, INSTRUMENTED)
    bare = options.half == "judge" and not (
        options.only or options.power or options.effects or options.real or options.coverage or options.instruments
    )
    if bare and options.nulls is None:
        return Asked(
            "default",
            "judge",
            DEFAULT_NULLS,
            options.shipped or "sample",
            False,
            False,
            INSTRUMENTED[:INSTRUMENTED_BY_DEFAULT],
        )
    return Asked(
        "chosen",
        options.half,
        options.nulls or 0,
        options.shipped or "none",
        options.power,
        options.effects,
        INSTRUMENTED if options.instruments else (),
    )


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

        from strata.dashboards.page.calibration_page import write_calibration_page
        from strata.dashboards.sentences.calibration import calibrated_sentence
        from strata.experiments.calibrate.attribution_screen import screen_records
        from strata.experiments.calibrate.construction_lookup import construction, constructions
        from strata.experiments.calibrate.instruments import instrument_records, other_instruments
        from strata.experiments.calibrate.nulls import NULL_KINDS, Null
        from strata.experiments.calibrate.pipeline import calibrate, jobs_of, with_names
        from strata.experiments.calibrate.real_family_power import subsampled_power
        from strata.experiments.calibrate.record import record_of
        from strata.experiments.calibrate.shared_effects import shared_effects
        from strata.experiments.calibrate.simulated_coverage import simulated_coverage
        from strata.experiments.locate.interventions_only import localise_summary
        from strata.experiments.run.directory_lock import alone_in

        if not options.real and (options.families or options.items):
            raise StrataError("--families and --items are of a real model, and none is named", "Add --real CHECKPOINT")
        if options.half == "none" and not (
            options.nulls or options.real or options.coverage or options.full or options.shipped or options.effects
        ):
            raise StrataError(
                "--half none leaves nothing to calibrate", "Add --nulls N, --effects, --real CHECKPOINT or --coverage N"
            )
        # Opened first: a name that isn't there is told before the planted models run.
        checkpoint = open_from(options.real, options.model, display) if options.real else None
        asked = _asked(options)
        effects = shared_effects() if asked.effects else ()
        chosen = [] if asked.half == "none" else with_names(constructions(asked.half), options.only)
        nulls = [Null(NULL_KINDS[number % len(NULL_KINDS)], number // len(NULL_KINDS)) for number in range(asked.nulls)]
        kept.enter_context(alone_in(Path(options.out)))
        rows = calibrate(
            jobs_of(chosen, nulls, _shipped(asked), power=asked.power, effects=effects, seed=options.seed),
            localise_summary,
            Path(options.out),
            workers=options.workers,
            progress=display,
        )
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
        record = record_of(
            rows,
            version=version("strata-probes"),
            command=command,
            seed=options.seed,
            sample=asked.sample,
            instruments=tuple(instrument_records(beside.findings)),
            screens=tuple(screen_records(beside.screened)),
        ).model_copy(update={"real": tuple(real), "simulated": coverage})
        write_whole(Path(options.out) / "calibration.json", f"{record.model_dump_json(by_alias=True, indent=1)}\n")
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


def print_calibration(record: Calibration, console: Console) -> None:
    if record.by_model:
        _print_places(record, console)
    _print_nulls(record.nulls, console)
    of_all = [(str(one.pairs), *_cells(one.places, one.orders)) for one in record.power if one.cell == "all"]
    if of_all:
        heads = [Column("pairs a family"), *(Column(name, "right") for name in _COLUMNS)]
        print_table(console, "by number of pairs", heads, of_all)
    for of in record.effects:
        heads = [Column("share of the answer"), Column("seen", "right")]
        print_table(
            console, f"{of.cell}: a block beside another that writes the rest, {of.pairs} pairs a family", heads,
            [(f"{one.effect:g}", _part(one.seen)) for one in of.shares],
        )  # fmt: skip
    for name, error in record.failed.items():
        console.print(f"{name}: {error}", soft_wrap=True)
    for name, families in record.excluded.items():
        parts = "; ".join(f"{family}: {', '.join(failed)}" for family, failed in families.items())
        console.print(f"{name}: not scored, since its plant fails its revert test: {parts}", soft_wrap=True)


def print_real(families: Sequence[FamilyPower], console: Console) -> None:
    """What subsets of the pairs say, beside what all of them say."""
    if not families:
        return
    heads = [Column("real family"), Column("all its pairs say"), *(Column(name, "right") for name in ("pairs", "placed", "same place", "elsewhere")), Column("where else, or why not")]  # fmt: skip
    rows = []
    for family in families:
        said = _said(family)
        rows += [(family.family, said, *_subset_cells([of_number])) for of_number in family.by_pairs]
        if not family.by_pairs:
            rows.append((family.family, said, str(family.pairs), "–", "–", "–", ""))
    placed = [family for family in families if family.place is not None]
    for n in sorted({of_number.pairs for family in placed for of_number in family.by_pairs}):
        of_n = [of_number for family in placed for of_number in family.by_pairs if of_number.pairs == n]
        rows.append((f"all {len(of_n)} placed ones", "", *_subset_cells(of_n)))
    print_table(console, "subsets of a real model's pairs, against all of them", heads, rows)


def print_coverage(coverage: Mapping[str, CoverageTally], console: Console) -> None:
    if not coverage:
        return
    heads = [Column("noise"), *(Column(name, "right") for name in ("families", "placed", "ends covered", "uncertain ends covered", "width", "pairs"))]  # fmt: skip
    rows = [
        (noise, str(of_noise.families), str(of_noise.placed), _share(of_noise.covered_ends, 2 * of_noise.placed),
         _share(of_noise.covered_uncertain, of_noise.uncertain_ends),
         "–" if of_noise.interval_width is None else f"{of_noise.interval_width:.1f}", f"{of_noise.pairs:.0f}")
        for noise, of_noise in coverage.items()
    ]  # fmt: skip
    print_table(console, "intervals of simulated families whose entities differ", heads, rows)


def _said(family: FamilyPower) -> str:
    if not family.by_pairs:
        return f"not measured ({family.why_not_placed})"
    if family.place is None:
        return f"{family.pairs}: no place ({family.why_not_placed})"
    place = family.place
    low, high = place.interval
    return f"{family.pairs}: {place.cell} {place.first}–{place.last} [{low}–{high}], in {place.support:.0%} of draws"


def _subset_cells(tallies: Sequence[SubsetTally]) -> tuple[str, ...]:
    subsets = sum(of_number.subsets for of_number in tallies)
    otherwise = Counter[str]()
    for of_number in tallies:
        otherwise.update(of_number.elsewhere_in)
        otherwise.update(of_number.silent)
    counts = (sum(getattr(of_number, name) for of_number in tallies) for name in ("placed", "same", "elsewhere"))
    shares = (_share(count, subsets) for count in counts)
    return (str(tallies[0].pairs), *shares, ", ".join(f"{code} {n}" for code, n in otherwise.most_common()))


def _print_places(record: Calibration, console: Console) -> None:
    heads = [Column("model"), *(Column(name, "right") for name in _COLUMNS)]
    rows = [_row(part, part.name) for part in record.by_model]
    rows += [_row(part, f"{part.name} of {part.half}") for part in (*record.halves, *record.cells, *record.variants)]
    print_table(console, "where families' answers are made, and the order of the kinds", heads, rows)


def _row(part: CalibratedPart, name: str) -> Sequence[str]:
    return (name, *_cells(part.places, part.orders))


_COLUMNS = (
    "families",
    "right",
    "part",
    "silent",
    "wrong",
    "order",
    "undetermined",
    "wrong order",
    "ends covered",
    "width",
    "readings",
)


def _cells(places: PlaceRecord, orders: OrderRecord | None) -> Sequence[str]:
    counts = (places.families, places.right, places.part, places.silent, places.wrong)
    if orders is None:
        of_orders: tuple[str, ...] = ("", "", "")
    else:
        without = orders.claimed.of - orders.claimed.part
        of_orders = (
            str(orders.right.part),
            str(orders.silent.part + without),
            str(orders.wrong.part + orders.claimed.part),
        )
    return (
        *(str(count) for count in counts),
        *of_orders,
        _part(places.coverage),
        "–" if math.isnan(places.interval_blocks) else f"{places.interval_blocks:.1f}",
        _part(places.readings),
    )


def _print_nulls(nulls: Sequence[NullRecord], console: Console) -> None:
    if not nulls:
        return
    columns = [Column("null"), *(Column(name, "right") for name in ("runs", "kinds", "as blocks", "as spread", "families", "placed", "orders", "in general", "failed"))]  # fmt: skip
    rows = [
        (null.kind, *(str(count) for count in (
            null.runs, null.as_blocks.of, null.as_blocks.part, null.as_spread.part, null.families_placed.of,
            null.families_placed.part, null.orders.part, null.orders_general.part, null.failed,
        )))
        for null in nulls
    ]  # fmt: skip
    print_table(
        console, "what is claimed where nothing is planted (`unequal`: places are true, an order isn't)", columns, rows
    )


def _part(share: Share) -> str:
    return _share(share.part, share.of)


def _share(part: int, whole_: int) -> str:
    return f"{part / whole_:.0%} of {whole_}" if whole_ else "–"
