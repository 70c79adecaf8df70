"""The compared models as the person wrote them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from strata.experiments.results.roles import BASE, CONTROL, DISTILLED, Role
from strata.probes.checkpoints.spec import parse_spec
from strata.probes.errors import StrataError


@dataclass(frozen=True)
class Specs:
    """One checkpoint a role; see `strata.probes.checkpoints.spec`. Raises StrataError for an adapter that is named twice."""

    base: str
    distilled: str
    control: str | None = None
    """Control model: as much training of the base, without the reasoning."""
    seeds: Mapping[Role, tuple[str, ...]] = field(default_factory=dict)
    """Further seeds of the same training, of the distilled model and of the control."""
    in_memory: frozenset[Role] = frozenset()
    """Roles whose model was handed over opened: their texts are only names, and no files of theirs are read."""

    def __post_init__(self) -> None:
        if self.control is None and self.seeds.get(CONTROL):
            raise StrataError("--control-seeds needs --control", "Give the first seed of the control there")
        for spec in (spec for role, spec in self.every() if role not in self.in_memory):
            named = parse_spec(spec).adapters
            twice = next((adapter for adapter in named if named.count(adapter) > 1), None)
            if twice is not None:
                raise StrataError(
                    f"{spec} merges the adapter {twice} twice, which makes a model that nobody trained", "Name it once"
                )

    def files(self, role: Role) -> str:
        """The checkpoint whose files can be read. Raises StrataError for a model in memory."""
        if role in self.in_memory:
            raise StrataError(
                f"The {role} model was handed over in memory, and weights are compared file by file",
                "Give its directory or its name",
            )
        return self.by_role()[role]

    def every(self) -> list[tuple[Role, str]]:
        """Further seeds too, under the role that they belong to."""
        return [*self.by_role().items(), *((role, spec) for role, specs in self.seeds.items() for spec in specs)]

    def by_role(self) -> dict[Role, str]:
        named = {BASE: self.base, DISTILLED: self.distilled, CONTROL: self.control}
        return {role: spec for role, spec in named.items() if spec is not None}
