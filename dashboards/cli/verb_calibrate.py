"""Can the instrument be trusted? Localises in planted models whose truth is known and in models with nothing to find.

Prints for every construction how many families are placed right, in part, not at all or wrongly, whether the order of
the kinds is right, how often intervals hold the true ends, what is claimed of nulls, and power by number of pairs.
With --real it also says how many pairs the rule needs on a real model, by subsets of the pairs of its families, and with
--coverage how often intervals reach the true ends of simulated families whose entities differ.
Results are kept line by line: a second start with the same --out goes on where the first was stopped.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
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

if TYPE_CHECKING:
    from strata.experiments.calibrate.real_family_power import FamilyPower, SubsetTally
    from strata.experiments.calibrate.simulated_coverage import CoverageTally
    from strata.experiments.calibrate.tallies import Calibration, Tally

EXAMPLES = """examples:
  strata calibrate --half judge --nulls 100 --out runs/calibration
  strata calibrate --half tune --only superposed,blurred --json
  strata calibrate --half all --power --workers 2
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
    nulls: int = option(0, "models with nothing to find, a quarter of each kind", "models", whole, metavar="N")
    power: bool = option(False, "the same again with 8, 12, 18 and 24 pairs a family", "models")
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


def configure(parser: argparse.ArgumentParser) -> None:
    add_options(parser, options_of(Options))


def run(arguments: argparse.Namespace, _command: list[str]) -> int:
    options = chosen_options(Options, arguments)
    display = options.shown.made()
    with only_results_on_stdout() as stdout, display.listening():
        from strata.experiments.calibrate.construction_lookup import constructions
        from strata.experiments.calibrate.nulls import NULL_KINDS, Null
        from strata.experiments.calibrate.pipeline import calibrate, jobs_of, with_names
        from strata.experiments.calibrate.real_family_power import subsampled_power
        from strata.experiments.calibrate.simulated_coverage import simulated_coverage
        from strata.experiments.calibrate.tallies import calibration
        from strata.experiments.locate.interventions_only import localise_summary

        if not options.real and (options.families or options.items):
            raise StrataError("--families and --items are of a real model, and none is named", "Add --real CHECKPOINT")
        if options.half == "none" and not (options.nulls or options.real or options.coverage):
            raise StrataError(
                "--half none leaves nothing to calibrate", "Add --nulls N, --real CHECKPOINT or --coverage N"
            )
        # Opened first: a name that isn't there is told before the planted models run.
        checkpoint = open_from(options.real, options.model, display) if options.real else None
        chosen = [] if options.half == "none" else with_names(constructions(options.half), options.only)
        nulls = [Null(NULL_KINDS[number % len(NULL_KINDS)], number // len(NULL_KINDS)) for number in range(options.nulls)]  # fmt: skip
        rows = calibrate(
            jobs_of(chosen, nulls, power=options.power, seed=options.seed),
            localise_summary,
            Path(options.out),
            workers=options.workers,
            progress=display,
        )
        result = calibration(rows)
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
        if options.shown.json:
            record = {
                "schema": "strata.calibration/1",
                **asdict(result),
                "power": {str(pairs): asdict(tally) for pairs, tally in result.power.items()},
                "real": [asdict(family) for family in real],
                "coverage": {noise: asdict(of_noise) for noise, of_noise in coverage.items()},
            }
            write_json(stdout, record)
        else:
            console = PlainConsole(stdout)
            print_calibration(result, console)
            print_real(real, console)
            print_coverage(coverage, console)
    return 0


def print_calibration(result: Calibration, console: Console) -> None:
    if result.by_construction:
        _print_constructions(result, console)
    _print_nulls(result, console)
    if result.power:
        heads = [Column("pairs a family"), *(Column(name, "right") for name in _TALLY)]
        print_table(console, "by number of pairs", heads, [(str(n), *_cells(t)) for n, t in result.power.items()])
    for name, error in result.errors.items():
        console.print(f"{name}: {error}", soft_wrap=True)
    for name, families in result.excluded.items():
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


def _print_constructions(result: Calibration, console: Console) -> None:
    heads = [Column("construction"), *(Column(name, "right") for name in _TALLY)]
    rows = [(name, *_cells(tally)) for name, tally in result.by_construction.items()]
    rows += [(f"all of {half}", *_cells(tally)) for half, tally in result.by_half.items()]
    rows += [(f"superposed codes of {half}", *_cells(tally)) for half, tally in result.messy.items() if tally.families]
    print_table(console, "where families' answers are made, and the order of the kinds", heads, rows)
    if result.readings:
        readings = [(name, f"{right} of {said}") for name, (right, said) in result.readings.items()]
        print_table(console, "how blocks act together", [Column("true"), Column("said so", "right")], readings)


_TALLY = (
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
)


def _cells(tally: Tally) -> Sequence[str]:
    return (
        str(tally.families),
        *(str(count) for count in tally.places.values()),
        str(tally.orders.get("right", 0)),
        str(tally.orders.get("undetermined", 0) + tally.orders_open.get("right", 0)),
        str(tally.orders.get("wrong", 0) + tally.orders_open.get("wrong", 0)),
        _share(*tally.covered_ends),
        "–" if tally.interval_width is None else f"{tally.interval_width:.1f}",
    )


def _print_nulls(result: Calibration, console: Console) -> None:
    if not result.nulls:
        return
    columns = [Column("null"), *(Column(name, "right") for name in ("runs", "kinds", "as blocks", "as spread", "families", "placed", "orders", "in general", "failed"))]  # fmt: skip
    rows = [
        (kind, *(str(count) for count in (null.runs, null.kinds, null.blocks, null.spread, null.families, null.placed, null.orders, null.orders_general, null.failed)))
        for kind, null in result.nulls.items()
    ]  # fmt: skip
    print_table(
        console, "what is claimed where nothing is planted (`unequal`: places are true, an order isn't)", columns, rows
    )


def _share(part: int, whole_: int) -> str:
    return f"{part / whole_:.0%} of {whole_}" if whole_ else "–"
