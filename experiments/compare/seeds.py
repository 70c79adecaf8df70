"""Do other seeds of the same training say the same? They are asked what is cheap: items in every way, and problems to generate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from strata.experiments.compare.answers_by_way_of_asking import asked_rows
from strata.experiments.compare.config import CompareConfig
from strata.experiments.compare.format_change import format_apart
from strata.experiments.compare.generated_answer_change import answers_table, summarised
from strata.experiments.compare.model_specs import Specs
from strata.experiments.compare.models import Models, Openers
from strata.experiments.compare.ways_of_asking import asked_again
from strata.experiments.generated_answers.prompting import Prompting
from strata.experiments.items.schema import Item
from strata.experiments.questions import Questions
from strata.experiments.results.estimates import Contrasted
from strata.experiments.results.generated_tables import ASKED
from strata.experiments.results.headline import SeedChange
from strata.experiments.results.roles import BASE, CONTROL, DISTILLED, Role
from strata.experiments.results.rows import Row
from strata.experiments.run.controls import RunControls
from strata.experiments.run.directory import RunDirectory
from strata.experiments.run.manifest import JsonObject
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.errors import StrataError

Rows = Mapping[Role, Sequence[Row]]
"""Of every role the rows of its first seed."""


def seed_name(role: Role, number: int) -> str:
    """What a further seed is called in tables: `distilled-1`."""
    return f"{role}-{number}"


def named_specs(specs: Specs) -> dict[str, str]:
    """Every checkpoint of a comparison, by role and by name of a further seed."""
    further = {
        seed_name(role, number + 1): spec
        for role, of_role in specs.seeds.items()
        for number, spec in enumerate(of_role)
    }
    return {**{str(role): spec for role, spec in specs.by_role().items()}, **further}


@dataclass(frozen=True)
class Seeds:
    """Further seeds of the distilled model and of its control; each is opened by itself."""

    specs: Specs
    models: Models
    """The first seeds."""
    openers: Openers
    """Of the further ones, by `seed_name`."""

    @property
    def names(self) -> Mapping[Role, tuple[str, ...]]:
        """By role, the first seed first."""
        return {
            role: (role, *(seed_name(role, number + 1) for number in range(len(self.specs.seeds.get(role, ())))))
            for role in self.models.roles
        }

    def identity(self) -> JsonObject:
        """Hashes of each. Raises StrataError for one that reads texts otherwise than the first seed: its answers couldn't be paired."""
        parts: JsonObject = {}
        for role, names in self.names.items():
            first = self.models.about(role).identity
            for name in names[1:]:
                own = self._opened(name).identity
                if own.tokenizer_sha256 != first.tokenizer_sha256:
                    raise StrataError(
                        f"{own.spec} has another tokenizer than {first.spec}, so it is no seed of the same training",
                        "Compare it by itself",
                    )
                parts[name] = {**own.parts}
        return parts

    def asked(
        self, run: RunDirectory, first: Rows, questions: Questions, controls: RunControls
    ) -> dict[Role, Sequence[Row]]:
        """The rows of `first` with those of every further seed behind them; a finished table is not made again."""
        for role, names in self.names.items():
            for name in names[1:]:
                if role in first and not run.finished(f"{ASKED.name}_{name}.parquet"):
                    rows = asked_rows(
                        self._opened(name), name, asked_again(questions.items), prompt_prefix=questions.prompt_prefix,
                        controls=controls,
                    )  # fmt: skip
                    run.write_rows(ASKED, rows, name=f"{ASKED.name}_{name}")
        return self._together(run, first, ASKED.name)

    @property
    def further(self) -> Mapping[Role, Mapping[str, Callable[[], Checkpoint]]]:
        """By role how each but the first is opened."""
        return {role: {name: partial(self._opened, name) for name in names[1:]} for role, names in self.names.items()}

    def _opened(self, name: str) -> Checkpoint:
        self.models.make_room()
        return self.openers[name]()

    def changes(
        self,
        run: RunDirectory,
        roles: Sequence[Role],
        items: Sequence[Item],
        config: CompareConfig,
        fixed: Mapping[Role, Prompting],
    ) -> tuple[SeedChange, ...]:
        """Every seed by itself, beside the control's of the same number, or the first where it has fewer. Empty: there is one seed."""
        names = self.names
        count = max(len(of_role) for of_role in names.values())
        if count < 2:
            return ()
        told = []
        for number in range(count):
            member = {role: of_role[number if number < len(of_role) else 0] for role, of_role in names.items()}
            told.append(self._change(run, member, roles, items, config, fixed))
        return tuple(told)

    def _change(
        self, run: RunDirectory, member: Mapping[Role, str], roles: Sequence[Role], items: Sequence[Item],
        config: CompareConfig, fixed: Mapping[Role, Prompting],
    ) -> SeedChange:  # fmt: skip
        draws, seed = config.locate.draws, config.locate.seed
        asked = {role: run.read_table(f"{ASKED.name}_{member[role]}").to_pylist() for role in roles}
        formats = format_apart(asked, items, draws=draws, seed=seed)
        tables = {role: answers_table(name) for role, name in member.items()}
        answers = {
            role: run.read_table(name).to_pylist() for role, name in tables.items() if run.finished(f"{name}.parquet")
        }
        problems = summarised(answers, fixed, draws=draws, seed=seed).all_problems if BASE in answers else None
        return SeedChange(
            distilled=self._spec(DISTILLED, member), control=self._spec(CONTROL, member) if CONTROL in member else None,
            generated=Contrasted() if problems is None else problems.accuracy,
            beyond_format={kind: apart.best.accuracy for kind, apart in formats.items()},
        )  # fmt: skip

    def _spec(self, role: Role, member: Mapping[Role, str]) -> str:
        number = self.names[role].index(member[role])
        return (self.specs.by_role()[role], *self.specs.seeds.get(role, ()))[number]

    def _together(self, run: RunDirectory, first: Rows, table: str) -> dict[Role, Sequence[Row]]:
        return {
            role: [
                *rows,
                *(row for name in self.names[role][1:] for row in run.read_table(f"{table}_{name}").to_pylist()),
            ]
            for role, rows in first.items()
        }
