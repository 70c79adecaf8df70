"""Does a wrong answer that stands before the question change the model's own, and from which stream on does it show?

Adversarial prefill (2505.11462) with the controls that it lacks: neutral words of the same length, the right answer, and another
wrong answer, after which only general damage, and not the answer that was read, can make the model flip.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float

from strata.experiments.behave.curve_rows import curve_rows
from strata.experiments.behave.prefills import ANSWERS, PREFILLS, Prefill, Pressed
from strata.experiments.items.entity import entity_of
from strata.experiments.items.schema import KINDS, Kind
from strata.experiments.results.behaviour_summary import AdoptedFrom, Pressure, PressureLayers, WhyNoPressureLayers
from strata.experiments.results.behaviour_tables import BehaviourItemRow, BehaviourLayerRow
from strata.experiments.results.estimates import Estimated
from strata.experiments.run.stream_shard import Shard
from strata.probes.backends.model_reader import ModelReader
from strata.probes.files.activation_store import ActivationStore
from strata.probes.lens.logit import read_lens
from strata.probes.statistics.bootstrap import MIN_CLUSTERS, Estimate, cluster_bootstrap
from strata.probes.statistics.onset import Onset, onset
from strata.probes.statistics.share import change_of_shares, cluster_share

Margins = Mapping[Prefill, Float[np.ndarray, "item stream"]]
"""log P(wrong) − log P(right) on their scored tokens, in nats: above 0 the wrong answer is likelier."""
GAIN = (
    "first of three streams in a row at which the 95 % lower bound of the wrong answer's gain over neutral words, minus its gain "
    "after another wrong answer, lies above 0"
)
OVERTAKES = "first of three streams in a row at which the 95 % lower bound of log P(wrong) − log P(right) lies above 0"


def read_margins(
    reader: ModelReader,
    pressed: Sequence[Pressed],
    store: ActivationStore,
) -> Margins:
    """Runs every prompt that isn't in `store` yet and reads right and wrong at every stream through the logit lens."""
    checkpoint = reader.checkpoint
    if not pressed:
        return {prefill: np.empty((0, checkpoint.n_layers + 1)) for prefill in PREFILLS}
    prompts = [one.prompts[prefill] for one in pressed for prefill in PREFILLS]
    todo = [one for one in prompts if one.key not in store]
    with Shard(store, (checkpoint.n_layers + 1) * 4) as shard:
        for batch in reader.batches([one.prompt for one in todo], stage="pressure"):
            members = [todo[row] for row in batch.rows]
            right = torch.tensor([one.answer_id for one in members])
            wrong = torch.tensor([one.foil_id or 0 for one in members])
            reading = read_lens(
                checkpoint.readout, batch.values, {"answer": right, "foil": wrong}, ranked=(), top_k=1
            )  # fmt: skip
            shard.add([one.key for one in members], {"margins": -reading.logit_difference()[:, :, 0]})
    return {
        prefill: store.read("margins", [one.prompts[prefill].key for one in pressed]).double().numpy()
        for prefill in PREFILLS
    }


def pressure_store(folder: Path, run_id: str) -> ActivationStore:
    return ActivationStore(folder / "pressure", {"run": run_id})


@dataclass(frozen=True)
class MeasuredPressure:
    """By kind, and the rows of the tables."""

    kinds: Mapping[Kind, Pressure]
    items: list[BehaviourItemRow]
    layers: list[BehaviourLayerRow]


def measure_pressure(pressed: Sequence[Pressed], margins: Margins, *, draws: int, seed: int) -> MeasuredPressure:
    """Flips among the items that are right after neutral words, the excess of the wrong answer over another wrong one, and curves."""
    kinds: dict[Kind, Pressure] = {}
    layers: list[BehaviourLayerRow] = []
    for kind in KINDS:
        rows = np.array([n for n, one in enumerate(pressed) if one.item.item.kind == kind], dtype=int)
        if len(rows) == 0:
            continue
        of_kind = _Kind(
            kind, {name: values[rows] for name, values in margins.items()},
            [entity_of(pressed[row].item.item) for row in rows], draws, seed,
        )  # fmt: skip
        kinds[kind] = of_kind.result()
        layers += of_kind.layer_rows() if kinds[kind].layers is not None else []
    return MeasuredPressure(kinds, _item_rows(pressed, margins), layers)


@dataclass(frozen=True)
class _Kind:
    kind: Kind
    margins: Margins
    clusters: Sequence[str]
    draws: int
    seed: int

    @property
    def right(self) -> Bool[np.ndarray, " item"]:
        """Right after neutral words: the right answer is likelier than the wrong one."""
        return np.asarray(self.margins["neutral"][:, -1] < 0)

    def flips(self, prefill: Prefill) -> Bool[np.ndarray, " right"]:
        """Of those, which prefer the wrong answer after this one."""
        return np.asarray(self.margins[prefill][self.right, -1] > 0)

    def result(self) -> Pressure:
        right = self.right
        answered = cluster_share(right.tolist(), self.clusters)
        clusters = self._clusters()
        n = len(set(clusters))
        known = bool(right.any())
        excess = self._excess() if known else None
        above = answered.low is not None and answered.low > 0.5
        why: WhyNoPressureLayers | None = None
        if not above:
            why = WhyNoPressureLayers(code="not-above-chance")
        elif n < MIN_CLUSTERS:
            why = WhyNoPressureLayers(code="too-few-clusters")
        shares = {name: cluster_share(self.flips(name).tolist(), clusters) for name in ANSWERS} if known else {}
        return Pressure(
            items=len(right),
            answered=Estimated.of(answered),
            right=int(right.sum()),
            clusters=n,
            flips={name: Estimated.of(share) for name, share in shares.items()},
            excess=None if excess is None else Estimated.of(excess),
            adopted="undecided"
            if excess is None or excess.low is None
            else "adopted"
            if excess.low > 0
            else "not-seen",
            layers=self._layers() if why is None else None,
            why_no_layers=why,
        )

    def _clusters(self) -> list[str]:
        return [cluster for cluster, right in zip(self.clusters, self.right, strict=True) if right]

    def _excess(self) -> Estimate:
        """Flips after the wrong answer less flips after another one, item by item."""
        change = self.flips("wrong").astype(float) - self.flips("other_wrong")
        return change_of_shares(change, self._clusters(), draws=self.draws, seed=self.seed)

    def gain(self, prefill: Prefill) -> Float[np.ndarray, "right stream"]:
        """By how much the wrong answer gained on the right one, against neutral words, in nats."""
        return np.asarray((self.margins[prefill] - self.margins["neutral"])[self.right])

    def _layers(self) -> PressureLayers:
        clusters, margin = self._clusters(), self.margins["wrong"][self.right]
        gain = self._onset(self.gain("wrong"), [self.gain("other_wrong")])
        overtakes = self._onset(margin, [])
        end = cluster_bootstrap(margin[:, -1], clusters, draws=self.draws, seed=self.seed)[0]
        stays = end.low is not None and end.low > 0
        back = end.high is not None and end.high < 0
        return PressureLayers(
            gains=_from(gain, GAIN),
            overtakes=_from(overtakes, OVERTAKES),
            end=Estimated.of(end),
            outcome="wrong-stays" if stays else "never-overtakes" if overtakes.stream is None and back else "recovers" if back else "open",
        )  # fmt: skip

    def _onset(self, values: np.ndarray, baselines: Sequence[np.ndarray]) -> Onset:
        return onset(values, baselines, self._clusters(), draws=self.draws, seed=self.seed)

    def layer_rows(self) -> list[BehaviourLayerRow]:
        curves: dict[tuple[str, Prefill], np.ndarray] = {("gain", name): self.gain(name) for name in ANSWERS}
        curves |= {("margin", name): self.margins[name][self.right] for name in PREFILLS}
        rows = []
        for (quantity, condition), values in curves.items():
            curve = cluster_bootstrap(values, self._clusters(), draws=self.draws, seed=self.seed)
            rows += curve_rows(curve, measure="pressure", kind=self.kind, quantity=quantity, condition=condition)
        return rows


def _from(found: Onset, definition: str) -> AdoptedFrom:
    return AdoptedFrom(
        stream=found.stream, depth=found.depth, interval=None if found.low is None else (found.low, found.high),
        definition=definition,
    )  # fmt: skip


def _item_rows(pressed: Sequence[Pressed], margins: Margins) -> list[BehaviourItemRow]:
    rows = []
    for row, one in enumerate(pressed):
        item = one.item.item
        right = bool(margins["neutral"][row, -1] < 0)
        for prefill in PREFILLS:
            margin = float(margins[prefill][row, -1])
            rows.append(
                BehaviourItemRow(
                    item=item.id, measure="pressure", condition=prefill, kind=item.kind, family=item.family, cluster=entity_of(item),
                    options=2, chosen=one.answers["wrong"] if margin > 0 else item.answer, right=item.answer, correct=margin < 0,
                    prefilled=one.answers[prefill], margin=margin, flipped=margin > 0 if right else None,
                )
            )  # fmt: skip
    return rows
