"""The `locate` run of each compared model, inside of the comparison's directory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from strata.experiments.compare.model_summaries import Summarised, summarised
from strata.experiments.compare.models import Models
from strata.experiments.locate.config import LocateConfig
from strata.experiments.locate.pipeline import RESULTS, ask, locate
from strata.experiments.questions import Source
from strata.experiments.results.cell_changes import CELLS_FILE
from strata.experiments.results.roles import Role
from strata.experiments.results.rows import Row
from strata.experiments.run.controls import RunControls
from strata.experiments.run.directory import RunDirectory
from strata.experiments.run.files import MANIFEST, is_complete, read_manifest, table_of

FROM_CELLS = (CELLS_FILE.name, "cell_changes.parquet", "place_changes.parquet")
"""What is said of cells and places."""
FROM_ACTIVATIONS = (*FROM_CELLS, "similarity.parquet", "transfer.parquet")
"""What is made from the models' activations, which a finished comparison threw away."""


@dataclass(frozen=True)
class ModelRuns:
    """One directory a role."""

    run: RunDirectory
    """Of the comparison."""
    models: Models
    config: LocateConfig
    """The same for every model."""
    items: Source | None
    controls: RunControls
    """Of the comparison."""

    def all_whole(self) -> bool:
        """Whether nothing is left to be done in any of them."""
        return all(self._is_whole(role) for role in self.models.roles)

    def ask(self) -> dict[Role, Sequence[Row]]:
        """How every model answers: the rows of its behaviour table."""
        with self.run.stage("ask"):
            asked = {role: self._ask(role) for role in self.models.held_first}
        return {role: asked[role] for role in self.models.roles}

    def locate(
        self, roles: Sequence[Role], first: Mapping[Role, frozenset[str]], changed: Sequence[str] = ()
    ) -> dict[Role, Summarised]:
        """The runs of these models to their ends. `first`: ids of the items that are intervened on before others; `changed`: of those that not
        all models answer alike, whose lens maps are kept too."""
        located = {}
        for role in (role for role in self.models.held_first if role in roles):
            with self.run.stage(f"locate {role}"):
                located[role] = self._locate(role, first.get(role, frozenset()), changed)
            self.controls.on_model(self.run.path / role)
        return {role: located[role] for role in roles}

    def run_id(self, role: Role) -> str:
        return read_manifest(self.run.path / role).run_id

    def table(self, role: Role, name: str) -> pa.Table:
        """Checked. Raises DamagedError when it is missing or isn't what the model's run wrote."""
        return table_of(self.run.path / role, name)

    @property
    def _own_controls(self) -> RunControls:
        """The comparison reads the activations and discards them itself."""
        own = self.controls
        return RunControls(
            command=own.command, batch_tokens=own.batch_tokens, keep_activations=True, progress=own.progress,
            on_family=own.on_family,
        )  # fmt: skip

    def _is_whole(self, role: Role) -> bool:
        directory = self.run.path / role
        there = (directory / MANIFEST).exists()
        return there and is_complete(directory, read_manifest(directory).files, RESULTS)

    def _ask(self, role: Role) -> Sequence[Row]:
        rows = ask(
            self.models.get(role), self.config, self.run.path / role, items=self.items, controls=self._own_controls
        )
        return [vars(row) for row in rows]

    def _locate(self, role: Role, first: frozenset[str], changed: Sequence[str]) -> Summarised:
        summary = self.run.path / role / "summary.json"
        made = all(self.run.finished(name) for name in FROM_ACTIVATIONS)
        if not made and not (summary.parent / "activations").exists():
            # A comparison that was finished once threw away what a missing table of it is made from.
            summary.unlink(missing_ok=True)
        located = locate(
            self.models.get(role), self.config, self.run.path / role, items=self.items, pairs_first=first, changed=changed,
            controls=self._own_controls,
        )  # fmt: skip
        return summarised(located)
