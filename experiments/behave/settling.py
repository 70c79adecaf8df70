"""At which stream does the answer settle where it begins: behind an empty block, behind the model's own chain, behind another problem's?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int

from strata.experiments.behave.curve_rows import curve_rows
from strata.experiments.behave.think_frame import ThinkFrame
from strata.experiments.behave.thinking_problems import ThinkingProblem
from strata.experiments.behave.written_chains import other_chains
from strata.experiments.items.alignment import EncodedItem, encode_items
from strata.experiments.items.schema import Item, Kind
from strata.experiments.results.behaviour_tables import BehaviourAnswerRow, BehaviourLayerRow
from strata.experiments.results.estimates import Estimated
from strata.experiments.results.thinking_summary import Pace, Settling
from strata.experiments.run.stream_shard import Shard
from strata.probes.backends.model_reader import ModelReader
from strata.probes.files.activation_store import ActivationStore
from strata.probes.lens.logit import read_lens
from strata.probes.statistics.bootstrap import cluster_bootstrap
from strata.probes.statistics.share import share_by_layer


@dataclass(frozen=True)
class Settled:
    """Of a problem and pace the likeliest token at every stream, where the right answer's first own token would stand."""

    likeliest: Mapping[tuple[str, str], Int[np.ndarray, " stream"]]

    def of(self, problems: Iterable[str]) -> list[Mapping[str, Int[np.ndarray, " stream"]]]:
        """By problem, by pace."""
        return [{pace: ids for (item, pace), ids in self.likeliest.items() if item == one} for one in problems]

    def stream(self, problem: str, pace: str) -> int | None:
        """First stream from which on it stays the same; None where it wasn't read."""
        ids = self.likeliest.get((problem, pace))
        return None if ids is None else _settles(ids)


@dataclass(frozen=True)
class SettlingOfGroup:
    settling: Settling
    rows: list[BehaviourLayerRow]


def read_settled(
    reader: ModelReader,
    frame: ThinkFrame,
    problems: Sequence[ThinkingProblem],
    rows: Sequence[BehaviourAnswerRow],
    folder: Path,
    run_id: str,
) -> Settled:
    """Of the problems that slow answers solve in the first draw. What is in `folder` isn't run again."""
    first = [row for row in rows if row.draw == 0 and row.condition == "slow"]
    chains = {row.item: row.chain or "" for row in first if row.answer is not None}
    solved = {row.item for row in first if row.right}
    others = other_chains(problems, chains)
    asked: list[tuple[ThinkingProblem, Pace, str]] = []
    for one in problems:
        if one.id in solved:
            asked += [(one, "fast", ""), (one, "slow", chains.get(one.id, ""))]
            asked += [(one, "other_chain", others[one.id])] if one.id in others else []
    items = [
        Item(id=f"{one.id}\0{pace}", kind=one.kind, family=one.family, domain="", prompt=frame.closed(one.question, chain), answer=frame.answer(one.answer))
        for one, pace, chain in asked
    ]  # fmt: skip
    checkpoint = reader.checkpoint
    encoded, _ = encode_items(items, checkpoint, checkpoint.max_context)
    store = ActivationStore(folder / "settling", {"run": run_id})
    _read(reader, [one for one in encoded if one.key not in store], store)
    if not encoded:
        return Settled({})
    ids = store.read("likeliest", [one.key for one in encoded]).numpy()
    names = [one.key.split("\0") for one in encoded]
    return Settled({(item, pace): ids[row] for row, (item, pace) in enumerate(names)})


def settling_of(
    kind: Kind,
    group: str,
    likeliest: Sequence[Mapping[str, Int[np.ndarray, " stream"]]],
    clusters: Sequence[str],
    *,
    draws: int,
    seed: int,
) -> SettlingOfGroup:
    """Of the problems of one group: mean settling streams, and by stream the share whose token stays from there on."""
    known = [row for row, paces in enumerate(likeliest) if {"fast", "slow"} <= set(paces)]
    other = [row for row in known if "other_chain" in likeliest[row]]
    members: dict[Pace, list[int]] = {"fast": known, "slow": known, "other_chain": other}
    streams = {
        pace: np.array([_settles(likeliest[row][pace]) for row in rows], dtype=float) for pace, rows in members.items()
    }

    def mean(values: np.ndarray, rows: Sequence[int]) -> Estimated:
        found = cluster_bootstrap(values, [clusters[row] for row in rows], draws=draws, seed=seed)
        return Estimated.of(found[0])

    nothing = Estimated(value=None)
    settling = Settling(
        problems=len(known),
        not_read=len(likeliest) - len(known),
        fast=mean(streams["fast"], known) if known else nothing,
        slow=mean(streams["slow"], known) if known else nothing,
        other_chain=mean(streams["other_chain"], other) if other else None,
        difference=mean(streams["slow"] - streams["fast"], known) if known else nothing,
    )
    rows = [
        row for pace, of_pace in members.items() if of_pace
        for row in _layer_rows(kind, group, pace, [likeliest[at][pace] for at in of_pace], [clusters[at] for at in of_pace], draws, seed)
    ]  # fmt: skip
    return SettlingOfGroup(settling, rows)


def _layer_rows(
    kind: Kind,
    group: str,
    pace: Pace,
    likeliest: Sequence[Int[np.ndarray, " stream"]],
    clusters: Sequence[str],
    draws: int,
    seed: int,
) -> list[BehaviourLayerRow]:
    ids = np.array(likeliest)
    stays = np.logical_and.accumulate((ids == ids[:, -1:])[:, ::-1], axis=1)[:, ::-1]
    curve = share_by_layer(stays, clusters, draws=draws, seed=seed)
    return curve_rows(curve, measure="fast_slow", kind=kind, quantity=f"settled_{group}", condition=pace)


def _settles(ids: Int[np.ndarray, " stream"]) -> int:
    """First stream from which on the likeliest token stays the same."""
    return int(len(ids) - np.logical_and.accumulate((ids == ids[-1])[::-1]).sum())


def _read(reader: ModelReader, encoded: Sequence[EncodedItem], store: ActivationStore) -> None:
    checkpoint = reader.checkpoint
    with Shard(store, (checkpoint.n_layers + 1) * 4) as shard:
        for batch in reader.batches([one.prompt for one in encoded], stage="settling"):
            reading = read_lens(checkpoint.readout, batch.values, {}, ranked=(), top_k=1)
            shard.add([encoded[row].key for row in batch.rows], {"likeliest": reading.top_ids[:, :, 0, 0].int()})
