"""What is kept of a campaign: a line a part (one kind of trials drawn by one seed), so that parts may run one after the other; and the table of them."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from campaign.trial import FAULTS, Outcome, Result

BEGIN, END = "<!-- campaign -->", "<!-- end of campaign -->"
_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Part:
    """All trials of one part with one seed."""

    name: str
    seed: int
    trials: int
    """As `--trials` asked for."""
    made: str
    """Its day."""
    code: str
    """`code_of_this_tree` when it began."""
    outcomes: tuple[tuple[str, str], ...]
    """Of each trial its line in the table and what became of it."""

    @staticmethod
    def of(name: str, seed: int, trials: int, code: str, results: Iterable[Result]) -> Part:
        outcomes = tuple((result.trial.kind, str(result.outcome)) for result in results)
        return Part(name, seed, trials, date.today().isoformat(), code, outcomes)


def code_of_this_tree() -> str:
    """SHA-256 of all code of Strata and of the campaign, whatever commit it belongs to."""
    digest = hashlib.sha256()
    for room in ("strata", "probes", "experiments", "dashboards", "tests/campaign"):
        for file in sorted((_ROOT / room).rglob("*.py")):
            digest.update(f"{file.relative_to(_ROOT)}|{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def kept(file: Path) -> list[Part]:
    """The parts that a file holds: of those that ran more than once the last."""
    if not file.exists():
        return []
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    parts = [Part(**line | {"outcomes": tuple(map(tuple, line["outcomes"]))}) for line in lines]
    return list({(part.name, part.seed): part for part in parts}.values())


def keep(file: Path, part: Part) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as stream:
        stream.write(json.dumps(vars(part)) + "\n")


def table(parts: Sequence[Part]) -> str:
    """In Markdown: a line a kind, a column an outcome, and the sums."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for part in parts:
        for kind, outcome in part.outcomes:
            counts[kind][outcome] += 1
    heads = ["kind", "tried", *Outcome]
    counts["all"] = sum(counts.values(), Counter())
    lines = [
        [kind, f"{count.total():,}", *(f"{count[outcome]:,}" for outcome in Outcome)] for kind, count in counts.items()
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in (heads, ["---"] * len(heads), *lines))


def report(parts: Sequence[Part]) -> str:
    """The table with when and how it was made."""
    outcomes = [outcome for part in parts for _, outcome in part.outcomes]
    faults = sum(outcome in FAULTS for outcome in outcomes)
    days = sorted({part.made for part in parts})
    when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    seeds = sorted({part.seed for part in parts})
    of = f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"
    trials = sorted({part.trials for part in parts})
    asked = f"`--trials {', '.join(map(str, trials))}`"
    states = len({part.code for part in parts})
    code = "on one state of the code" if states == 1 else f"in parts, on {states} states of the code"
    return f"{when}, {of}, {asked}, {code}: {len(outcomes):,} trials, {faults:,} faults.\n\n{table(parts)}"


def written_into(document: str, text: str) -> str:
    """Raises ValueError where the document has no marks."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the document has no {BEGIN} … {END}")
    return f"{before}{BEGIN}\n{text}\n{END}{after}"
