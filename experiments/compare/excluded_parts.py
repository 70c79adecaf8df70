"""What can't be measured of which model, and why? Kept in the manifest, so that it outlives the start that found it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from strata.experiments.compare.comparability import Comparability, Need
from strata.experiments.compare.models import NeedsBothError
from strata.experiments.results.comparison_reasons import ExcludedPart, Part, WhyNotCompared
from strata.experiments.results.lineage_check import PAIR_CHECK_FILE
from strata.experiments.results.roles import BASE, Role
from strata.experiments.run.directory import RunDirectory
from strata.probes.errors import StrataError

Exclude = Callable[[ExcludedPart], None]
"""How a part of a comparison says that a model has no share in it."""


def refused_by(error: StrataError, part: Part, model: Role, *, into: Role | None = None) -> ExcludedPart:
    """What the error says stands for the reason; `into`: the model that received parts of the other one."""
    why = WhyNotCompared(code="refused", said=error.what, into=into)
    if isinstance(error, NeedsBothError):
        why = WhyNotCompared(code="needs-both")
    return ExcludedPart(part=part, model=model, why=why)


class ExcludedParts:
    """The `not_comparable` of a comparison. A stage that is done says nothing when the run is taken up again: its entries stay."""

    def __init__(self, run: RunDirectory, shared: Mapping[Role, Comparability]) -> None:
        """`shared`: what each model has in common with the base."""
        self._run, self._shared = run, shared
        self.entries = run.manifest.not_comparable

    @property
    def awaits_two_models(self) -> bool:
        """Whether something is excluded because one model at a time was held: a later start may hold two."""
        return any(entry.why.code == "needs-both" for entry in self.entries)

    def add(self, entry: ExcludedPart) -> None:
        if entry not in self.entries:
            self._keep((*self.entries, entry))

    def roles_for(self, part: Part, *needed: Need) -> list[Role]:
        """The base and the models that this part can be made of; the others are excluded with their reasons."""
        roles: list[Role] = [BASE]
        for role, shared in self._shared.items():
            why = shared.why_not(*needed)
            if why is None:
                roles.append(role)
            else:
                self.add(ExcludedPart(part=part, model=role, why=why))
        return roles

    def forget(self) -> None:
        """Drops what a start finds anew; what stands beside a finished file of pair check and weights stays."""
        kept: set[Part] = {"pair-check"} if self._run.finished(PAIR_CHECK_FILE.name) else set()
        kept |= {"weights", "all-weights"} if self._run.finished("weights.parquet") else set()
        self._keep(tuple(entry for entry in self.entries if entry.part in kept))

    def _keep(self, entries: tuple[ExcludedPart, ...]) -> None:
        self.entries = entries
        self._run.manifest.not_comparable = entries
