"""Activations of your own texts, or of items, to documented safetensors shards.

ITEMS is a table of texts or items (JSON Lines, JSON, CSV, TSV, Parquet), a text file (.txt) with one text a line, or names
of built-in families. Memory holds one shard, however many texts there are. Stopped and started again with the same options
it takes up the rest. Read the result with strata.load_captured(DIR); docs/capture.md has the format.
"""

from __future__ import annotations

import argparse
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from strata.dashboards.cli.common_options import (
    CHECKPOINT_HELP,
    DisplayOptions,
    ModelOptions,
    open_from,
    tell_caveats,
    told_caveats,
)
from strata.dashboards.cli.display import Display, only_results_on_stdout
from strata.dashboards.cli.options import add_options, as_declared, chosen_options, option, options_of
from strata.dashboards.cli.stopping import Stopped
from strata.dashboards.cli.terminal import say, warn, write_json
from strata.experiments.declared_setting import positive, whole
from strata.experiments.locate.config import LocateConfig
from strata.probes.errors import StrataError

if TYPE_CHECKING:
    from strata.probes.capture.to_disk import Written
    from strata.probes.checkpoints.checkpoint import Checkpoint
    from strata.probes.prompts.texts import Text

EXAMPLES = """examples:
  strata capture smollm2 my_texts.txt --out streams
  strata capture smollm2 reviews.csv --text review --out reviews
  strata capture smollm2 items.jsonl --positions last,subject --sites mlp_out --layers 10,11,12 --out mlp
  strata capture smollm2 capital addition --sites streams,mlp_out.7 --out families
  strata capture smollm2 my_texts.txt --positions=-2,last --out last_two

in Python: captured = strata.load_captured("streams"); captured.streams has the axes item, stream, d_model
"""


@dataclass(frozen=True)
class Options:
    out: str | None = option(None, "directory to write to", "output", metavar="DIR")
    text: str | None = option(None, "field of the table that holds the text (default: prompt, else text)", "capturing",
                              metavar="FIELD")  # fmt: skip
    sites: tuple[str, ...] = option(
        ("streams",), "streams, resid_pre, resid_mid, resid_post, attn_out, mlp_out, block_out, or one block's: "
        "mlp_out.7", "capturing", metavar="SITE,…",
    )  # fmt: skip
    layers: tuple[int, ...] = option(
        (), "blocks (of streams: streams 0..L) of sites named without one; default: all", "capturing", whole, metavar="N,…",
    )  # fmt: skip
    positions: tuple[str, ...] = option(
        ("last",), "last, names of the items' spans, numbers of tokens (negative: from the end), or all", "capturing",
        metavar="NAME,…",
    )  # fmt: skip
    batch_tokens: int | None = option(None, "tokens a batch; default: found while running", "capturing", positive,
                                      metavar="N")  # fmt: skip
    per_family: int = as_declared(LocateConfig, "per_family")
    difficulty: int | None = as_declared(LocateConfig, "difficulty")
    limit: int | None = as_declared(LocateConfig, "limit")
    seed: int = as_declared(LocateConfig, "seed")
    model: ModelOptions = field(default_factory=ModelOptions)
    shown: DisplayOptions = field(default_factory=DisplayOptions)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help=CHECKPOINT_HELP)
    parser.add_argument("items", metavar="ITEMS", nargs="+", help="one file, or names of built-in families")
    add_options(parser, options_of(Options))


def run(arguments: argparse.Namespace, command: list[str]) -> int:
    options = chosen_options(Options, arguments)
    if not options.out:
        raise StrataError("capture needs --out DIR", "Give a directory for the shards")
    out = Path(options.out)
    display = options.shown.made(out.name)
    with only_results_on_stdout() as stdout:
        try:
            with display.listening():
                written, caveats = _capture(arguments.checkpoint, arguments.items, options, out, display)
        except Stopped:
            display.note(f"stopped; what was run is kept in {out}. Go on: strata {shlex.join(command)}")
            raise
        counts = {"texts": written.texts, "new": written.new, "shards": written.shards, "bytes": written.n_bytes}
        if options.shown.json:
            write_json(stdout, {"schema": "strata.captured/1", "out": str(out), **counts, "caveats": caveats})
        else:
            new = "" if written.new == written.texts else f", {written.new} of them new"
            say(
                stdout,
                f"{written.texts} texts{new} in {written.shards} shards ({written.n_bytes / 1e6:.1f} MB): {out}\n"
                f"in Python: strata.load_captured({str(out)!r})",
            )
    return 0


def _capture(spec: str, source: list[str], options: Options, out: Path, display: Display) -> tuple[Written, list[str]]:
    from strata.probes.capture.to_disk import capture_to

    texts = _texts_of_file(source, options) if _is_file(source) else None
    if texts is None:
        if options.text is not None:
            raise StrataError("--text names a field of a table, and families were given", "Leave --text out")
        _refuse_unknown_families(source)
    checkpoint = open_from(spec, options.model, display)
    tell_caveats(checkpoint)
    written = capture_to(
        out,
        checkpoint,
        _texts_of_families(source, options, checkpoint) if texts is None else texts,
        sites=options.sites,
        layers=options.layers or None,
        positions=options.positions,
        batch_tokens=options.batch_tokens,
        progress=display,
    )
    return written, told_caveats(checkpoint)


def _is_file(source: list[str]) -> bool:
    """Families have names without dots and slashes."""
    files = [name for name in source if Path(name).is_file() or "/" in name or "." in name]
    if files and len(source) > 1:
        raise StrataError(
            f"capture takes one file, or names of families, and {' '.join(source)} was given", "Give one file"
        )
    return bool(files)


def _texts_of_file(source: list[str], options: Options) -> tuple[Text, ...]:
    from strata.experiments.probe.text_rows import texts_of_table

    (file,) = source
    if not file.endswith(".txt"):
        return texts_of_table(Path(file), options.text)[: options.limit]
    if options.text is not None:
        raise StrataError(f"--text names a field of a table, and {file} holds one text a line", "Leave --text out")
    return _lines_of(Path(file))[: options.limit]


def _lines_of(file: Path) -> tuple[Text, ...]:
    """Every line that isn't blank, under its number from 1; on stderr how many are, whatever the display."""
    from strata.probes.files.foreign_files import file_bytes
    from strata.probes.prompts.texts import Text

    try:
        # Only \n and \r\n end a line here.
        lines = file_bytes(file, "Check the path").decode("utf-8-sig").removesuffix("\n").split("\n")
    except UnicodeDecodeError as error:
        raise StrataError(f"{file} is not UTF-8 (byte {error.start + 1})", "Save the file as UTF-8") from error
    rows = tuple(Text(str(number), line.removesuffix("\r")) for number, line in enumerate(lines, 1) if line.strip())
    if not rows:
        raise StrataError(f"{file} holds no text", "Write one text a line")
    blank = len(lines) - len(rows)
    if blank:
        warn(f"{file}: {blank} blank {'line is' if blank == 1 else 'lines are'} excluded")
    return rows


def _names_of(source: list[str]) -> list[str]:
    return [name for entry in source for name in entry.split(",") if name]


def _refuse_unknown_families(source: list[str]) -> None:
    from strata.experiments.items.builtin import chosen

    try:
        chosen(_names_of(source))
    except StrataError as error:
        raise StrataError(
            f"{' '.join(source)} is no file; {error.what[0].lower()}{error.what[1:]}", error.remedy
        ) from error


def _texts_of_families(source: list[str], options: Options, checkpoint: Checkpoint) -> tuple[Text, ...]:
    from strata.experiments.items.load import load_items
    from strata.probes.prompts.texts import texts_of

    items = load_items(
        _names_of(source),
        per_family=options.per_family,
        difficulty=options.difficulty,
        seed=options.seed,
        checkpoint=checkpoint,
    )
    return texts_of(items[: options.limit])
