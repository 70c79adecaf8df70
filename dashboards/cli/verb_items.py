"""The questions asked: list the built-in families, show their items, check their form, import others, split them by kind.

strata items list                       every built-in family in one line
strata items show FAMILY… | FILE        items in full; --out writes them as JSON Lines
strata items check [FILE]               alignment, length, answer collisions and the format-only classifier
strata items import TABLE --mapping M   a CSV, JSON, JSONL, Parquet or `datasets` table as items
strata items split FILE --target FIELD  reasoning or knowledge, learnt from labelled questions, beside form alone
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from rich.console import Console

from strata.dashboards.cli.common_options import DisplayOptions, ModelOptions, open_from, tell_caveats
from strata.dashboards.cli.display import only_results_on_stdout
from strata.dashboards.cli.foreign_text import escaped
from strata.dashboards.cli.items_split import split_file, tell_split
from strata.dashboards.cli.options import add_options, as_declared, chosen_options, option, options_of
from strata.dashboards.cli.terminal import PlainConsole, say, write_json
from strata.dashboards.cli.terminal_tables import Column, print_table
from strata.experiments.locate.config import LocateConfig
from strata.experiments.results.family_names import with_kind
from strata.experiments.split.config import SplitConfig
from strata.probes.errors import StrataError

if TYPE_CHECKING:
    from strata.experiments.items.format_check import FormatReport
    from strata.experiments.items.format_classifier import FormatResult
    from strata.experiments.items.schema import Item

EXAMPLES = """examples:
  strata items list
  strata items show capital addition --per-family 3
  strata items check --checkpoint smollm2 --families medicine
  strata items show items.jsonl --limit 5
  strata items import questions.csv --mapping mapping.toml --out items.jsonl
  strata items import train.jsonl --mapping gsm8k --out gsm8k.jsonl
  strata items split questions.jsonl --target question_type --out by-kind.jsonl
  strata items split questions.jsonl --target question_type --encoder smollm2@15 --outcome correct

a mapping, for a table with the columns question and answer:
  [item]
  prompt = "Question: {question}\\nAnswer:"
  answer = "{answer}"
  kind = "knowledge"
  family = "mine"
and, where there are options to choose from, instead of `answer`:
  [choices]
  field = "options"
  correct = "key"
"""
GENERATED = "reasoning-gym:"
ACTIONS = ("list", "show", "check", "import", "split")


@dataclass(frozen=True)
class Options:
    checkpoint: str = option("smollm2", "whose tokenizer `check` uses", "model")
    mapping: str | None = option(
        None, "TOML file that says which columns mean what, or one that comes along, such as gsm8k or medqa (import)", "questions",
        metavar="FILE",
    )  # fmt: skip
    out: str | None = option(None, "write items as JSON Lines to this file", "output", metavar="FILE")
    families: tuple[str, ...] = as_declared(LocateConfig, "families")
    per_family: int = as_declared(LocateConfig, "per_family")
    difficulty: int | None = as_declared(LocateConfig, "difficulty")
    limit: int | None = as_declared(
        LocateConfig, "limit", help="at most N items: the first, or for import some drawn by the seed"
    )
    seed: int = as_declared(LocateConfig, "seed")
    split: SplitConfig = field(default_factory=SplitConfig)
    model: ModelOptions = field(default_factory=ModelOptions)
    shown: DisplayOptions = field(default_factory=DisplayOptions)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", metavar="ACTION", choices=ACTIONS, help=", ".join(ACTIONS))
    parser.add_argument(
        "what",
        nargs="*",
        metavar="WHAT",
        help="families or an item file to show, an item file to check, or a table to import or to split",
    )
    add_options(parser, options_of(Options))


def run(arguments: argparse.Namespace, _command: list[str]) -> int:
    options = chosen_options(Options, arguments)
    with only_results_on_stdout() as stdout:
        action = {"list": _list, "show": _show, "check": _check, "import": _import, "split": _split}[arguments.action]
        return action(arguments.what, options, stdout)


def _list(_what: list[str], options: Options, stdout: TextIO) -> int:
    from strata.experiments.items.builtin import ALL, chosen

    families = chosen(options.families or (ALL,))
    if options.shown.json:
        rows = [{key: value for key, value in asdict(family).items() if key != "build"} for family in families]
        write_json(stdout, rows)
        return 0
    columns = [Column(name) for name in ("family", "kind", "domain", "difficulty", "about")]
    lines = []
    for family in families:
        setting = f"{family.difficulties[0]}–{family.difficulties[-1]}" if family.difficulties else ""
        lines.append((family.name, family.kind, family.domain, setting, family.about))
    print_table(PlainConsole(stdout), f"{len(families)} built-in families", columns, lines)
    return 0


def _show(what: list[str], options: Options, stdout: TextIO) -> int:
    from strata.experiments.items.importing.overwrite_check import is_one_of
    from strata.experiments.items.jsonl import item_to_dict, read_items, write_items

    if len(what) == 1 and Path(what[0]).is_file():
        if options.out and is_one_of(options.out, [Path(what[0])]):
            raise StrataError(f"--out {options.out} is the item file itself", "Give another file to write to")
        items = read_items(what[0])[: options.limit]
    else:
        items = _built_in(tuple(what) or options.families, options)
    if options.out:
        write_items(options.out, items)
        say(stdout, f"{len(items)} items in {options.out}\n")
    elif options.shown.json:
        write_json(stdout, [item_to_dict(item) for item in items])
    else:
        for item in items:
            say(stdout, _shown(item))
    return 0


def _shown(item: Item) -> str:
    """The item as a person reads it: what is asked, and what its answer is scored against."""
    hops = f"{item.hops} hop" if item.hops == 1 else f"{item.hops} hops"
    lines = [
        escaped(f"{item.id}  ({item.kind}, {item.family}, {hops})"),
        f"  asked  {_quoted(item.prompt)} → {_quoted(item.answer)}",
    ]
    if item.has_pair:
        lines.append(f"  pair   {_quoted(item.foil_prompt)} → {_quoted(item.foil)}")
    elif item.foil:
        lines.append(f"  foil   {_quoted(item.foil)}")
    if item.choices:
        lines.append(f"  among  {', '.join(map(_quoted, item.choices))}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _check(what: list[str], options: Options, stdout: TextIO) -> int:
    from strata.experiments.items.alignment import token_length
    from strata.experiments.items.format_check import built_in_contrasts, format_report
    from strata.experiments.items.jsonl import read_items

    display = options.shown.made()
    with display.listening():
        checkpoint = open_from(options.checkpoint, options.model, display)
        tell_caveats(checkpoint)
        if len(what) > 1:
            raise StrataError(f"items check takes one file, {len(what)} were given", "Check them one by one")
        items = read_items(what[0]) if what else _built_in(options.families, options, token_length(checkpoint))
        report = format_report(items, checkpoint, checkpoint.max_context, seed=options.seed)
        if not what:
            made = built_in_contrasts(
                checkpoint, seed=options.seed, per_family=options.per_family, max_context=checkpoint.max_context
            )
            report = replace(report, contrasts=report.contrasts + made)
    if options.shown.json:
        write_json(stdout, asdict(report))
    else:
        _print_check(report, PlainConsole(stdout))
    return 0


def _import(what: list[str], options: Options, stdout: TextIO) -> int:
    from strata.experiments.items.importing import import_items, read_mapping, refuse_overwriting
    from strata.experiments.items.jsonl import write_items

    if len(what) == 1 and what[0].startswith(GENERATED):
        return _generate(what[0].removeprefix(GENERATED), options, stdout)
    if len(what) != 1:
        raise StrataError(
            "items import takes one table (a file, or the name of a `datasets` table)", "Give exactly one"
        )
    if not options.mapping or not options.out:
        needed = "out" if options.mapping else "mapping"
        raise StrataError(f"items import needs --{needed}", "See strata items --help")
    mapping = read_mapping(options.mapping)
    refuse_overwriting(options.out, what[0], mapping)
    imported = import_items(what[0], mapping, seed=options.seed, limit=options.limit)
    items = imported.items
    write_items(options.out, items)
    counts = Counter(with_kind(item.kind, item.family) for item in items)
    if options.shown.json:
        result = {
            "rows": imported.rows,
            "items": len(items),
            "families": counts,
            "excluded": dict(imported.excluded),
            "without_foil": dict(imported.without_foil),
            "out": options.out,
        }
        write_json(stdout, result)
        return 0
    pairs = sum(item.has_pair for item in items)
    drawn = f", drawn from {imported.made}" if len(items) < imported.made else ""
    say(stdout, f"{len(items)} items ({pairs} with a minimal pair{drawn}) from {imported.rows} rows in {options.out}")
    for name, count in sorted(counts.items()):
        say(stdout, f"  {count:>6} {escaped(name)}")
    for reason, count in imported.excluded.items():
        say(stdout, f"  {count:>6} excluded: {escaped(reason)}")
    for reason, count in imported.without_foil.items():
        say(stdout, f"  {count:>6} without a foil: {escaped(reason)}")
    return 0


def _generate(name: str, options: Options, stdout: TextIO) -> int:
    from strata.experiments.items.jsonl import write_items
    from strata.experiments.items.reasoning_gym import from_reasoning_gym

    if not options.out:
        raise StrataError("items import needs --out", "See strata items --help")
    items = from_reasoning_gym(name, options.limit or options.per_family, options.seed)
    write_items(options.out, items)
    result = {"items": len(items), "out": options.out}
    if options.shown.json:
        write_json(stdout, result)
    else:
        say(stdout, f"{len(items)} items (probes and lens only) in {options.out}")
    return 0


def _split(what: list[str], options: Options, stdout: TextIO) -> int:
    display = options.shown.made()
    with display.listening():
        found = split_file(what, replace(options.split, seed=options.seed), options.model, options.out, display)
    tell_split(found, stdout, as_json=options.shown.json)
    return 0


def _built_in(names: tuple[str, ...], options: Options, token_length: Any = None) -> list[Item]:
    from strata.experiments.items.builtin import build_items, chosen

    items = build_items(
        chosen(names),
        seed=options.seed,
        per_family=options.per_family,
        difficulty=options.difficulty,
        token_length=token_length,
    )
    return items[: options.limit] if options.limit else items


def _print_check(report: FormatReport, console: Console) -> None:
    columns = [
        Column("family"),
        Column("kind"),
        *(Column(name, "right") for name in ("n", "scored", "aligned")),
        Column("tokens"),
    ]
    columns += [Column(name, "right") for name in ("answers", "collisions")]
    rows = [
        (
            family.family, family.kind, str(family.n), str(family.scored), f"{family.aligned_share:.0%}",
            f"{family.shortest}–{family.longest} ({family.median_length:g})", str(family.answers), str(len(family.collisions)),
        )
        for family in report.families
    ]  # fmt: skip
    title = "form by family (aligned: pairs; tokens: shortest–longest, median)"
    print_table(console, title, columns, rows)
    for family in report.families:
        for reason, count in (*family.excluded, *family.unaligned):
            console.print(f"{family.family}: {count} × {reason}")
    for contrast in report.contrasts:
        console.print(
            f"{contrast.contrast} ({', '.join(with_kind(*one) for one in contrast.families)}): {_verdict(contrast.result)}"
        )
    if report.kinds is not None:
        console.print(f"knowledge vs reasoning as a whole: {_verdict(report.kinds)}")


def _verdict(result: FormatResult) -> str:
    words = "form does not tell them apart" if result.contains_chance else "FORM TELLS THEM APART: the contrast is void"
    interval = f"{result.accuracy:.2f} [{result.low:.2f}, {result.high:.2f}]"
    return f"format-only classifier {interval}, chance {result.chance:.2f}, n {result.n}: {words}"
