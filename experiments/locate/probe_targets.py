"""What the probes are asked to name: the answer among its family's vocabulary, attributes of items, and their kind."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from strata.experiments.items.alignment import EncodedItem
from strata.experiments.items.schema import KNOWLEDGE_AND_REASONING, Item
from strata.probes.linear import Scheme

ALL_KINDS = "all"
"""The kind of a target that runs over all items."""


@dataclass(frozen=True)
class Target:
    name: str
    """answer, bridge, operand, intermediate, or kind."""
    kind: str
    """Kind of the items, or `all`."""
    family: str | None
    """Family of the items; None for a target over all of them."""
    position: str
    """Named position whose streams are probed."""
    scheme: Scheme
    """What the folds keep apart."""
    probe: Literal["linear", "mass_mean"]
    """Which read-out."""
    source: Literal["model", "random-init"]
    """Streams of the model, or of the same architecture with fresh weights."""
    items: tuple[int, ...]
    """Indices of the items probed."""
    labels: tuple[str, ...]
    """Label of each of them."""

    @property
    def key(self) -> str:
        """Name of the target's part file."""
        words = (self.name, self.kind, self.family, self.position, self.scheme, self.probe, self.source)
        return sha256("\0".join(map(str, words)).encode()).hexdigest()[:24]


def is_held_against_random_weights(item: Item) -> bool:
    """All but controls, which are a baseline themselves."""
    return item.kind != "control"


def targets_of(encoded: Sequence[EncodedItem], positions: Sequence[str], *, random_init: bool) -> list[Target]:
    """Every target with at least two labels, in reading order."""
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index, encoded_item in enumerate(encoded):
        groups[encoded_item.item.kind, encoded_item.item.family].append(index)
    targets: list[Target] = []
    for (kind, family), members in groups.items():
        items = [encoded[index].item for index in members]
        for name in ("answer", "bridge", "operand", "intermediate"):
            labels = [_label(item, name) for item in items]
            baseline = random_init and is_held_against_random_weights(items[0])
            for position in positions:
                targets += _variants(name, kind, family, position, encoded, members, labels, baseline)
    targets += _kind_targets(encoded, random_init)
    return [target for target in targets if len(set(target.labels)) > 1]


def _variants(
    name: str,
    kind: str,
    family: str,
    position: str,
    encoded: Sequence[EncodedItem],
    members: Sequence[int],
    labels: Sequence[str | None],
    random_init: bool,
) -> list[Target]:
    """The answer at the last position gets both schemes, both probes and the baseline; elsewhere one probe will do."""
    there = [
        (index, label)
        for index, label in zip(members, labels, strict=True)
        if label is not None and position in encoded[index].prompt.positions
    ]
    if not there:
        return []
    indices, names = zip(*there, strict=True)

    def target(
        scheme: Scheme, probe: Literal["linear", "mass_mean"], source: Literal["model", "random-init"]
    ) -> Target:
        return Target(name, kind, family, position, scheme, probe, source, indices, names)

    if name != "answer" or position != "last":
        return [target("cluster", "linear", "model")]
    variants = [
        target("cluster", "linear", "model"),
        target("template", "linear", "model"),
        target("cluster", "mass_mean", "model"),
    ]
    if random_init:
        variants.append(target("cluster", "linear", "random-init"))
    return variants


def _kind_targets(encoded: Sequence[EncodedItem], random_init: bool) -> list[Target]:
    both = [index for index, encoded_item in enumerate(encoded) if encoded_item.item.kind in KNOWLEDGE_AND_REASONING]
    labels = tuple(encoded[index].item.kind for index in both)
    sources: tuple[Literal["model", "random-init"], ...] = ("model", "random-init") if random_init else ("model",)
    return [
        Target("kind", ALL_KINDS, None, "last", "cluster", "linear", source, tuple(both), labels) for source in sources
    ]


def _label(item: Item, name: str) -> str | None:
    """The label of one item, or None when it has no such attribute."""
    if name == "answer":
        return item.answer
    if name == "bridge":
        bridge = item.extra.get("bridge")
        return str(bridge) if bridge else None
    values = item.extra.get("operands" if name == "operand" else "intermediate")
    if not isinstance(values, (list, tuple)) or not values:
        return None
    return str(values[0])
