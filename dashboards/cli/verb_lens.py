"""One prompt through the lenses: what would the model say if it stopped at each layer?

Prints a table of streams × tokens with the most probable next token and its probability; --out writes the same as
an interactive page.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from strata.dashboards.cli.common_options import (
    CHECKPOINT_HELP,
    BackendOptions,
    DisplayOptions,
    ModelOptions,
    open_from,
    tell_caveats,
    told_caveats,
)
from strata.dashboards.cli.display import only_results_on_stdout
from strata.dashboards.cli.options import add_options, chosen_options, option, options_of
from strata.dashboards.cli.terminal import PlainConsole, write_json
from strata.dashboards.cli.terminal_tables import Column, fitting_from_the_end, print_matrix
from strata.experiments.declared_setting import positive
from strata.probes.errors import StrataError

if TYPE_CHECKING:
    from strata.experiments.lens.prompt_map import PromptMap
    from strata.probes.backend_choice import BackendChoice
    from strata.probes.checkpoints.checkpoint import Checkpoint


EXAMPLES = """examples:
  strata lens smollm2 "The capital of France is"
  strata lens smollm2 "The capital of France is" --answer " Paris" --out paris.html
  strata lens smollm2 "The capital of France is" --backend transformer_lens
"""


@dataclass(frozen=True)
class Options:
    answer: str | None = option(None, "text whose first token's rank and probability are shown at every layer", "lens")
    lens: str = option("logit", "logit, tuned or jacobian", "lens", choices=("logit", "tuned", "jacobian"))
    text: str | None = option(
        None,
        "file that the tuned or Jacobian lens is fitted on (default: sampled from the model)",
        "lens",
        metavar="FILE",
    )
    tokens: int = option(8, "how many of the last tokens the table shows", "lens", positive, metavar="N")
    streams: int = option(12, "how many streams the table shows, spread over the depth", "lens", positive, metavar="N")
    out: str | None = option(None, "write the interactive page to this file", "output", metavar="FILE.html")
    seed: int = option(0, "seed of the text that lenses are fitted on", "lens", int, metavar="N")
    model: ModelOptions = field(default_factory=ModelOptions)
    through: BackendOptions = field(default_factory=BackendOptions)
    shown: DisplayOptions = field(default_factory=DisplayOptions)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help=CHECKPOINT_HELP)
    parser.add_argument("prompt", metavar="PROMPT", help="the text to read")
    add_options(parser, options_of(Options))


def run(arguments: argparse.Namespace, _command: list[str]) -> int:
    options = chosen_options(Options, arguments)
    out = Path(options.out) if options.out else None
    if out is not None and not out.parent.exists():
        raise StrataError(f"There is no directory {out.parent}", "Make it, or give another --out")
    display, through = options.shown.made(), options.through.chosen()
    with only_results_on_stdout() as stdout, display.listening():
        from strata.experiments.lens.named_lenses import fitted_lenses, refuse_fits
        from strata.experiments.lens.prompt_map import prompt_map
        from strata.probes.backends import open_chosen
        from strata.probes.prompts.prompt import Prompt
        from strata.probes.verification.before_measuring import admit

        refuse_fits((options.lens,), through)
        checkpoint = open_from(arguments.checkpoint, options.model, display, through)
        tell_caveats(checkpoint)
        ids = checkpoint.encode(arguments.prompt)
        _check_length(len(ids), checkpoint)
        answer = None
        if options.answer is not None:
            answer = _answer_token(checkpoint, arguments.prompt, options.answer)
        prompt, backend = Prompt("prompt", ids, {"last": len(ids) - 1}), open_chosen(through, checkpoint)
        admit(checkpoint, [prompt], backend=backend, progress=display)
        lens = fitted_lenses(checkpoint, (options.lens,), text=options.text, seed=options.seed, progress=display)[0]
        lens_map = prompt_map(checkpoint, backend, prompt, answer_id=answer, lens=lens)
        if out is not None:
            _write_page(out, arguments.prompt, checkpoint, lens_map, answer, lens.name, through)
        if options.shown.json:
            write_json(stdout, _record(checkpoint, lens_map, lens.name, through))
        else:
            console = PlainConsole(stdout)
            _print(console, checkpoint, lens_map, options.tokens, options.streams)
            if out is not None:
                console.print(f"page: {out}")
    return 0


def _check_length(n_tokens: int, checkpoint: Checkpoint) -> None:
    if n_tokens == 0:
        raise StrataError("The prompt is empty", "Give some text")
    if checkpoint.max_context is not None and n_tokens > checkpoint.max_context:
        raise StrataError(
            f"The prompt has {n_tokens} tokens, this model reads at most {checkpoint.max_context}", "Shorten it"
        )


def _answer_token(checkpoint: Checkpoint, prompt: str, answer: str) -> int:
    from strata.experiments.items.alignment import UnscorableError, encode_item
    from strata.experiments.items.schema import Item

    item = Item(
        id="--answer", kind="knowledge", family="lens", domain="", prompt=prompt, answer=answer, foil_prompt="", foil="",
        cluster="", template="",
    )  # fmt: skip
    try:
        return encode_item(item, checkpoint).answer_id
    except UnscorableError as error:
        raise StrataError(
            f"--answer {answer!r} can't be shown: {error.why.words}", "Give a text whose first token the model knows"
        ) from error


def _print(console: Console, checkpoint: Checkpoint, lens_map: PromptMap, n_tokens: int, n_streams: int) -> None:
    """The last tokens, as many as fit: the stream and the answer's rank are never the ones to go."""
    from strata.dashboards.sentences.prompt_lens import ANSWER_RANK, map_title

    total_streams, total_tokens = lens_map.entropy.shape
    # Counted back from the last stream, so that the model's own output is always among the rows.
    step = max(1, -(-(total_streams - 1) // max(1, n_streams - 1)))
    streams = sorted({*range(total_streams - 1, -1, -step), 0}, reverse=True)
    places = range(max(0, total_tokens - n_tokens), total_tokens)
    tokens = [Column(_shown(checkpoint.token_text(lens_map.prompt.ids[place]))) for place in places]
    cells = [[_cell(checkpoint, lens_map, stream, place) for place in places] for stream in streams]
    fixed, ends = [Column("stream", "right")], [[str(stream)] for stream in streams]
    if lens_map.answer_rank is not None:
        fixed.append(Column(ANSWER_RANK, "right"))
        ends = [[*end, f"{int(lens_map.answer_rank[stream, -1]):,}"] for end, stream in zip(ends, streams, strict=True)]
    shown = fitting_from_the_end(console, fixed, tokens, cells, ends)
    title = map_title(step, total_streams - 1, shown, total_tokens)
    columns = [fixed[0], *tokens[-shown:], *fixed[1:]]
    rows: list[list[str | Text]] = [[end[0], *row[-shown:], *end[1:]] for end, row in zip(ends, cells, strict=True)]
    print_matrix(console, title, columns, rows)


def _cell(checkpoint: Checkpoint, lens_map: PromptMap, stream: int, place: int) -> Text:
    share = float(lens_map.top_logprobs[stream, place, 0].exp())
    word = _shown(checkpoint.token_text(int(lens_map.top_ids[stream, place, 0])))
    return Text(f"{word[:12]} {share:.2f}", style=_style(share))


def _style(share: float) -> str:
    return "bold green" if share >= 0.5 else "cyan" if share >= 0.1 else "dim"


def _shown(token: str) -> str:
    """A token in one cell: its leading space and line breaks visible, control signs escaped."""
    text = token.replace(" ", "␣").replace("\n", "⏎").replace("\t", "⇥")
    return "".join(sign if sign.isprintable() else f"\\x{ord(sign):02x}" for sign in text) or "∅"


def _record(checkpoint: Checkpoint, lens_map: PromptMap, lens: str, through: BackendChoice) -> object:
    answer = {}
    if lens_map.answer_rank is not None and lens_map.answer_logprob is not None:
        answer = {"answer_rank": lens_map.answer_rank.tolist(), "answer_logprob": lens_map.answer_logprob.tolist()}
    return {
        "schema": "strata.lens/1",
        "lens": lens,
        "backend": through.label,
        "tokens": [checkpoint.token_text(token) for token in lens_map.prompt.ids],
        "top": [
            [[[checkpoint.token_text(int(i)), round(float(p), 4)] for i, p in zip(ids, logs, strict=True)] for ids, logs in zip(*row, strict=True)]
            for row in zip(lens_map.top_ids, lens_map.top_logprobs, strict=True)
        ],
        "entropy": lens_map.entropy.tolist(),
        "caveats": told_caveats(checkpoint),
        **answer,
    }  # fmt: skip


def _write_page(
    out: Path,
    text: str,
    checkpoint: Checkpoint,
    lens_map: PromptMap,
    answer: int | None,
    lens: str,
    through: BackendChoice,
) -> None:
    from strata.dashboards.page import render_lens_page
    from strata.dashboards.view import LensMap
    from strata.probes.files.atomic_writes import write_whole

    page = LensMap(
        key="prompt",
        item=text,
        tokens=[checkpoint.token_text(token) for token in lens_map.prompt.ids],
        token_ids=list(lens_map.prompt.ids),
        top_ids=lens_map.top_ids.numpy(),
        top_logprobs=lens_map.top_logprobs.numpy(),
        entropy=lens_map.entropy.numpy(),
        kl_to_final=lens_map.kl_to_final.numpy(),
        answer_logprob=None if lens_map.answer_logprob is None else lens_map.answer_logprob.numpy(),
        answer_rank=None if lens_map.answer_rank is None else lens_map.answer_rank.numpy(),
        vocabulary=lens_map.words(checkpoint),
        positions=dict(lens_map.prompt.positions),
        answer="" if answer is None else checkpoint.token_text(answer),
        instrument=f"lens.{lens}",
    )
    facts = [
        ("weights sha256", checkpoint.identity.weights_sha256),
        ("tokenizer sha256", checkpoint.identity.tokenizer_sha256),
        ("dtype", str(checkpoint.dtype)),
        ("attention", checkpoint.attention),
        ("run by", through.label),
        *(("caveat", caveat) for caveat in told_caveats(checkpoint)),
    ]
    write_whole(out, render_lens_page(page, model=checkpoint.identity.spec, facts=facts))
