"""Which answers do the models generate, chain of thought first? Extracted, checked, and paired by problem."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float

from strata.experiments.compare.config import CompareConfig
from strata.experiments.compare.excluded_parts import Exclude, refused_by
from strata.experiments.compare.models import Models
from strata.experiments.compare.paired_estimates import paired
from strata.experiments.generated_answers.decoding import Decoding, reasoning_rows
from strata.experiments.generated_answers.problems import SPLITS, Lesson, Split, evaluation_lessons
from strata.experiments.generated_answers.prompting import PROMPTS, Prompting, best_way
from strata.experiments.results.comparison import Generated, GeneratedFamily, GeneratedSplit
from strata.experiments.results.comparison_reasons import ExcludedPart, WhyNotCompared
from strata.experiments.results.generated_tables import ANSWERS
from strata.experiments.results.roles import BASE, Role
from strata.experiments.results.rows import Row, text
from strata.experiments.run.directory import RunDirectory
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.errors import STOPPING, StrataError
from strata.probes.progress import Progress, silent


def generated_change(
    run: RunDirectory,
    models: Models,
    config: CompareConfig,
    exclude: Exclude,
    fixed: Mapping[Role, Prompting] | None = None,
    *,
    further: Mapping[Role, Mapping[str, Callable[[], Checkpoint]]] | None = None,
    progress: Progress = silent,
) -> Generated:
    """By split of the problems (trained on, harder, other families) and over all: share of right generated answers, before and after.

    Writes one table of answers a model; a finished one is not made again. `fixed`: in which way a model is asked whose training says
    it (`fixed_prompting`); every other one is asked in all of `config.generated_ways` and these, and so is the base, against which swaps in any way are held. `further`: how
    further seeds of a role are opened, by name; a problem's value is then the mean over them. A model that can't be asked, as for the
    length of its context, or in whose texts hardly an answer is found, is handed to `exclude`.
    """
    if config.generated == 0:
        return Generated(why="not-asked-for")
    fixed, further = fixed or {}, further or {}
    seed = config.locate.seed
    rows: dict[Role, Sequence[Row]] = {}
    for role in models.roles:
        openers: dict[str, Callable[[], Checkpoint]] = {role: partial(models.get, role), **further.get(role, {})}
        try:
            written = [
                written_answers(run, opener, role, name, config, fixed, progress=progress)
                for name, opener in openers.items()
            ]
        except STOPPING:
            raise
        except StrataError as error:
            exclude(refused_by(error, "generated-answers", role))
            continue
        rows[role] = [row for table in written for row in table]
    if not rows:
        return Generated(why="no-model-could")
    generated = summarised(rows, fixed, draws=config.locate.draws, seed=seed)
    for split, of_split in generated.splits.items():
        for role, texts in of_split.unmeasured.items():
            why = WhyNotCompared(code="hardly-answers", split=split, texts=texts, no_answer=of_split.no_answer[role])
            exclude(ExcludedPart(part="generated-answers", model=role, why=why))
    return generated


def written_answers(
    run: RunDirectory, opener: Callable[[], Checkpoint], role: Role, name: str, config: CompareConfig,
    fixed: Mapping[Role, Prompting], *, progress: Progress = silent,
) -> Sequence[Row]:  # fmt: skip
    """The rows of one model's table of answers, made unless it is there. `name`: of the model, the role's or that of a further seed."""
    table = answers_table(name)
    if not run.finished(f"{table}.parquet"):
        seed = config.locate.seed
        asked = {
            split: evaluation_lessons(split, seed=seed, per_family=config.generated)
            for split in config.generated_splits
        }
        open_ways = [way for way in PROMPTS if way in config.generated_ways or way in fixed.values()]
        ways = open_ways if role == BASE or role not in fixed else [fixed[role]]
        made = asked_to_generate(opener(), name, asked, ways, config, progress)
        run.write_rows(ANSWERS, _marked(made, fixed.get(role)), name=table)
    rows: list[Row] = run.read_table(table).to_pylist()
    return rows


def asked_to_generate(
    checkpoint: Checkpoint,
    label: str,
    asked: Mapping[Split, Sequence[Lesson]],
    ways: Sequence[Prompting],
    config: CompareConfig,
    progress: Progress = silent,
) -> Sequence[Row]:
    """Rows of `ANSWERS`: the same prompt_prefix, room, temperature and draws for every model of a comparison."""
    return reasoning_rows(
        checkpoint, label, asked, ways, progress,
        decoding=Decoding(config.generated_tokens, config.temperature, config.locate.seed), prompt_prefix=config.locate.prompt_prefix or "", samples=config.samples,
    )  # fmt: skip


def summarised(
    rows: Mapping[Role, Sequence[Row]], fixed: Mapping[Role, Prompting] | None = None, *, draws: int, seed: int
) -> Generated:
    """What `generated_change` says, of the rows of every model's table of answers: the same problems in the same order.

    A model in `fixed` is scored in that way. Every other one is asked in every way of asking, and its best way counts, so that a base is not charged for not knowing a
    format. The best of several noisy counts is too high, and more so for the model whose ways are closer together. So
    the ways are chosen across: each half of the problems, cut between clusters, is scored in the way that did best on the
    other half, over all splits together: of the few problems of one split the worse way would often be chosen. A problem's value is
    the share of its draws that are right. Intervals resample families and clusters.

    `no_answer` counts, by reason, the texts in which no answer was found; they are not right. Where that is more than half
    of a model's texts, its accuracy would say how it writes and not what it knows: it is None, and `unmeasured` counts its texts.
    """
    fixed = fixed or {}
    splits = [split for split in SPLITS[1:] if any(row["split"] == split for table in rows.values() for row in table)]
    ways = {role: _ways(table, fixed.get(role)) for role, table in rows.items()}
    scored = {split: {role: _scored(table, split, ways[role]) for role, table in rows.items()} for split in splits}
    by_split: dict[str, GeneratedSplit] = {
        split: _of_problems(of_split, draws, seed) for split, of_split in scored.items()
    }
    together: dict[Role, _Scored] = {
        role: _Scored([row for split in splits for row in scored[split][role].rows], ways[role].by_half)
        for role in rows
    }
    overall = _of_problems(together, draws, seed) if len(splits) > 1 else None
    return Generated(splits=by_split, overall=overall, families=tuple(_by_family(together)), fixed=dict(fixed))


@dataclass(frozen=True)
class _Scored:
    """The rows of one model that count."""

    rows: Sequence[Row]
    ways: tuple[Prompting, Prompting]
    """By half of the problems."""


def _scored(table: Sequence[Row], split: Split, ways: _Ways) -> _Scored:
    return _Scored(ways.counting([row for row in table if row["split"] == split]), ways.by_half)


def _marked(rows: Sequence[Row], fixed: Prompting | None) -> list[Row]:
    """Whether each row counts, for whoever shows the texts."""
    counting = {id(row) for row in _ways(rows, fixed).counting([row for row in rows if row["split"] in SPLITS[1:]])}
    return [{**row, "counts": id(row) in counting} for row in rows]


def _of_problems(scored: Mapping[Role, _Scored], draws: int, seed: int) -> GeneratedSplit:
    no_answer = {role: _reasons(of_role.rows) for role, of_role in scored.items()}
    unmeasured = {
        role: len(of_role.rows)
        for role, of_role in scored.items()
        if 2 * sum(no_answer[role].values()) > len(of_role.rows)
    }
    problems = {text(row, "item"): row for row in next(iter(scored.values())).rows}
    values = {role: _shares(of_role.rows, problems) for role, of_role in scored.items() if role not in unmeasured}
    clusters, families = ([text(row, column) for row in problems.values()] for column in ("cluster", "family"))
    return GeneratedSplit(
        accuracy=paired(values, clusters, draws=draws, seed=seed, shares=True, families=families),
        prompt={role: of_role.ways for role, of_role in scored.items()},
        no_answer=no_answer,
        unmeasured=unmeasured,
    )


def _by_family(scored: Mapping[Role, _Scored]) -> Iterator[GeneratedFamily]:
    problems = {text(row, "item"): row for row in next(iter(scored.values())).rows}
    groups = dict.fromkeys((text(row, "split"), text(row, "family")) for row in problems.values())
    for split, family in groups:
        items = [item for item, row in problems.items() if (row["split"], row["family"]) == (split, family)]
        of_family = {
            role: [row for row in of_role.rows if (row["split"], row["family"]) == (split, family)]
            for role, of_role in scored.items()
        }
        yield GeneratedFamily(
            split=split, family=family, problems=len(items),
            right={role: float(_shares(table, items).sum()) for role, table in of_family.items()},
            no_answer={role: sum(bool(row["reason"]) for row in table) for role, table in of_family.items()},
        )  # fmt: skip


def answers_table(role: str) -> str:
    """Name of the table of a model's generated answers."""
    return f"answers_{role}"


@dataclass(frozen=True)
class _Ways:
    """In which way a model is scored."""

    by_half: tuple[Prompting, Prompting]
    half: Mapping[str, int]
    """Of every cluster; a cluster that stands in several splits is in one half."""

    def counting(self, rows: Sequence[Row]) -> list[Row]:
        return [row for row in rows if row["prompt"] == self.by_half[self.half[text(row, "cluster")]]]


def _ways(table: Sequence[Row], fixed: Prompting | None) -> _Ways:
    """Each half of the problems in the best way of the other half, the first where that is empty."""
    rows = [row for row in table if row["split"] in SPLITS[1:]]
    # By turns as they are asked, which shares families out and is the same for every model.
    half = {name: place % 2 for place, name in enumerate(dict.fromkeys(text(row, "cluster") for row in rows))}
    if fixed is not None:
        return _Ways((fixed, fixed), half)
    other = [[row for row in rows if half[text(row, "cluster")] != one] for one in (0, 1)]
    return _Ways((best_way(other[0]), best_way(other[1])), half)


def _shares(rows: Sequence[Row], items: Iterable[str]) -> Float[np.ndarray, " item"]:
    """Of each of `items` the share of its draws that are right."""
    right: dict[str, list[float]] = {item: [] for item in items}
    for row in rows:
        right[text(row, "item")].append(float(bool(row["right"])))
    return np.array([np.mean(of_item) for of_item in right.values()])


def _reasons(rows: Sequence[Row]) -> dict[str, int]:
    return dict(Counter(text(row, "reason") for row in rows if row["reason"]))
