"""The table of architectures: which are verified, which are refused and why, as a page of the documentation and in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from strata.probes.verification.architectures.verdict import Verdict

_MEANING = {
    "verified": "streams, contributions, logits, edits and generated text agree with plain Hugging Face",
    "refused": "every command says so in one sentence, and measures nothing",
    "not built": "transformers can't make a tiny random model of it from its configuration, so nothing is known",
    "disagrees": "opens, and gives other numbers than plain Hugging Face: a fault",
    "broken": "ran out of time or memory, or ended with an error: a fault",
}


def architecture_page(verdicts: Sequence[Verdict], *, seed: int, versions: Sequence[tuple[str, str]]) -> str:
    """The table in Markdown, with what was done and with which versions."""
    counts = ", ".join(f"{count} {status}" for status, count in _counted(verdicts))
    libraries = ", ".join(f"{name} {version}" for name, version in versions)
    lines = [
        "# Architectures",
        "",
        f"Written by `strata verify --architectures --out FILE` (seed {seed}; {libraries}): {counts}.",
        "",
        "One tiny random model of every causal type that transformers can build is saved, opened like any checkpoint and sent",
        "through the gate that every command has, with prompts of 3 and 9 tokens. What passes is compared with plain Hugging Face",
        "(a fresh model for each prompt, one prompt at a time, no padding) on prompts of up to 40 tokens: streams, what the two",
        "steps of each block add, the final norm, logits and lens in batches padded on either side, streams captured in other",
        "batch sizes, logits after an edit in one pass and in a sweep, and six generated tokens; then the self-tests of interventions",
        "are run on pairs of prompts. Random weights say that the numbers are read rightly, not that a trained model of the type has",
        "nothing special; `strata verify CHECKPOINT` looks at that one.",
        "",
        *(f"- *{status}*: {_MEANING[status]}." for status, _ in _counted(verdicts)),
        "- *mixer*, *channel part*: what the blocks have, each kind once. What a mixer adds is the site `attn_out`, what a channel part",
        "  adds is `mlp_out`; a block without one adds nothing there. A *whole block* can be replaced as a whole only.",
        "- *edits*: *restarted* runs begin at the edited block and columns; *whole* ones are a forward pass each, with the same numbers,",
        "  more slowly, and without single heads.",
        "",
        "| type | verdict | mixer | channel part | edits | why |",
        "|---|---|---|---|---|---|",
        *(
            f"| {verdict.name} | {verdict.status} | {', '.join(verdict.mixers)} | {', '.join(verdict.channels)} | "
            f"{_edits(verdict)} | {_cell(verdict.why)} |"
            for verdict in verdicts
        ),
    ]
    return "\n".join(lines) + "\n"


def print_architectures(verdicts: Sequence[Verdict], console: Console) -> None:
    """All that isn't verified with its reason, then the counts."""
    table = Table()
    for column in ("type", "verdict", "why"):
        table.add_column(column, overflow="fold")
    for verdict in verdicts:
        if verdict.status != "verified":
            table.add_row(verdict.name, verdict.status, verdict.why)
    if table.row_count:
        console.print(table)
    worst = max(
        (verdict.worst for verdict in verdicts if verdict.status == "verified" and verdict.worst is not None),
        default=None,
    )
    counts = ", ".join(f"{count} {status}" for status, count in _counted(verdicts))
    console.print(
        counts
        + ("" if worst is None else f"; of those verified, none is further off than {worst:.2g} of its tolerance")
    )


def _counted(verdicts: Sequence[Verdict]) -> list[tuple[str, int]]:
    counts = [(status, sum(verdict.status == status for verdict in verdicts)) for status in _MEANING]
    return [(status, count) for status, count in counts if count]


def _edits(verdict: Verdict) -> str:
    return "" if verdict.restarts is None else "restarted" if verdict.restarts else "whole"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
