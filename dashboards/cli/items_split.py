"""`strata items split FILE`: what it runs and prints."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from strata.dashboards.cli.common_options import ModelOptions, open_from, tell_caveats
from strata.dashboards.cli.display import Display
from strata.dashboards.cli.terminal import PlainConsole, write_json
from strata.dashboards.cli.terminal_tables import Column, print_table
from strata.experiments.split.config import TFIDF, SplitConfig
from strata.probes.errors import StrataError

if TYPE_CHECKING:
    from strata.experiments.results.item_split import ItemSplit
    from strata.experiments.split.encoders import Encode, StreamSpec
    from strata.experiments.split.questions import Question


def split_file(
    what: list[str], config: SplitConfig, model: ModelOptions, out: str | None, display: Display
) -> ItemSplit:
    """Splits the one file that was named and writes its items where `out` says. Raises StrataError as `split_items`."""
    from strata.experiments.items.importing.overwrite_check import is_one_of
    from strata.experiments.items.jsonl import write_items
    from strata.experiments.split.as_items import split_as_items
    from strata.experiments.split.split import split_items

    if len(what) != 1:
        raise StrataError("items split takes one table of questions", "Give exactly one file")
    read = [Path(name) for name in (what[0], config.labels) if name]
    if out and is_one_of(out, read):
        raise StrataError(f"--out {out} is a file that is read", "Give another file to write to")
    split = split_items(Path(what[0]), config, encode=_encoder(config, model, display), progress=display)
    if out is None:
        return split.summary
    items = split_as_items(split.calls)
    write_items(out, items)
    return split.summary.model_copy(update={"written": len(items), "out": out})


def tell_split(split: ItemSplit, stdout: TextIO, *, as_json: bool) -> None:
    """Both tables, then what they say."""
    from strata.dashboards.sentences import item_split as words

    if as_json:
        write_json(stdout, split.as_json())
        return
    console = PlainConsole(stdout, soft_wrap=True)
    columns = [Column(words.CLASSIFIERS[0]), *(Column(name, "right") for name in words.CLASSIFIERS[1:])]
    print_table(console, words.split_title(split), columns, words.classifier_rows(split))
    console.print()
    columns = [Column(name, "right") for name in words.QUARTILES]
    print_table(console, words.QUARTILE_TITLE, columns, words.quartile_rows(split))
    console.print()
    for sentence in words.split_sentences(split):
        console.print(sentence)


def _encoder(config: SplitConfig, model: ModelOptions, display: Display) -> Encode | None:
    from strata.experiments.split.encoders import stream_spec, with_encoder

    if config.encoder == TFIDF:
        return None
    spec = stream_spec(config.encoder)
    if spec is None:
        return partial(with_encoder, name=config.encoder, progress=display)
    return partial(_of_stream, spec=spec, model=model, display=display)


def _of_stream(
    questions: Sequence[Question], spec: StreamSpec, model: ModelOptions, display: Display
) -> list[Question]:
    from strata.experiments.split.encoders import with_stream

    checkpoint = open_from(spec.checkpoint, model, display)
    tell_caveats(checkpoint)
    return with_stream(questions, checkpoint, spec.stream, display)
