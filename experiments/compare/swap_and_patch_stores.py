"""Where the scores of exchanged parts are kept, pair by pair, so that whatever was measured once is not measured again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from strata.experiments.compare.config import CompareConfig
from strata.experiments.compare.cross_model_patching import cross_lines, name_of
from strata.experiments.compare.layer_swaps import all_layer_swaps, swap_names
from strata.experiments.items.alignment import EncodedItem
from strata.experiments.results.roles import BASE, DISTILLED, Role
from strata.experiments.run.directory import RunDirectory
from strata.probes.files.activation_store import ActivationStore
from strata.probes.model_diff.layer_swaps import LayerSwap

CROSSED_STORE = "crossed-"
"""How the names of the stores of cross-model patches begin."""


@dataclass(frozen=True)
class Way:
    """One direction in which parts are exchanged."""

    role: Role
    """The model that is held against the base."""
    into: Role
    """Which of the two receives."""
    source: Role
    """Which of the two the parts come from."""


@dataclass(frozen=True)
class ExchangeStores:
    run: RunDirectory
    items: tuple[EncodedItem, ...]
    """The pairs that every exchange is scored on."""
    config: CompareConfig
    n_layers: int

    def ways(self, role: Role) -> tuple[Way, ...]:
        """Into the base, and with `both_ways` out of it."""
        ways = (Way(role, BASE, role), Way(role, role, BASE))
        return ways if self.config.both_ways else ways[:1]

    @property
    def layer_swaps(self) -> tuple[LayerSwap, ...]:
        return all_layer_swaps(self.n_layers, self.config)

    @property
    def random_layer_swaps(self) -> tuple[LayerSwap, ...]:
        """Those that a random change of the weights has."""
        return all_layer_swaps(self.n_layers, self.config, whole_models=False)

    def swapped(self, way: Way) -> ActivationStore:
        return self._store(f"swap-{way.role}-into-{way.into}", swap_names(self.layer_swaps))

    def randomly_swapped(self) -> ActivationStore:
        return self._store("swap-random", swap_names(self.random_layer_swaps))

    def crossed(self, way: Way) -> ActivationStore:
        lines = cross_lines(self.config, null=self.has_null(way))
        return self._store(f"{CROSSED_STORE}{way.role}-into-{way.into}", [name_of(line) for line in lines])

    @staticmethod
    def has_null(way: Way) -> bool:
        """Whether contributions are moved at random too: as far as the distilled model's differ."""
        return way.role == DISTILLED

    def contributions_of(self, role: Role) -> ActivationStore:
        """What the blocks of a model add to every token of the pairs, while no other model is in memory."""
        return self._store(f"contributions-{role}")

    def whole(self, store: ActivationStore) -> bool:
        """Whether every pair is in it."""
        return all(item.key in store for item in self.items)

    def _store(self, name: str, measured: Sequence[str] = ()) -> ActivationStore:
        signature = {"run": self.run.run_id, "measured": list(measured)}
        return ActivationStore(self.run.path / "activations" / name, signature)
