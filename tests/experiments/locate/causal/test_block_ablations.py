"""Ablations that stand beside a place: ratios of entity means of what plain forward hooks measure."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from strata.experiments.items.schema import Kind
from strata.experiments.locate.causal.block_ablations import NEUTRAL, AblationSettings, Extent, covariates
from strata.experiments.locate.causal.family_decision import FamilyPairs
from strata.experiments.locate.causal.pair_selection import SelectedFamily
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.interventions.minimal_pairs import Pair
from strata.probes.prompts.prompt import Prompt
from strata.probes.rerun.shared_recordings import Runs

PAIRS_ABLATED = 4
ENTITIES = ("a", "a", "b", "c", "d")
SETTINGS = AblationSettings("default", draws=100, seed=0, neutral_texts=3, text=None)


def pair_of(kind: Kind, family: str, number: int) -> Pair:
    ids = torch.randint(5, 40, (8,), generator=torch.Generator().manual_seed(number)).tolist()
    other = [*ids[:3], 41 + number, *ids[4:]]
    key, positions = f"{family}:{number}", {"subject": 3, "last": 7}
    clean, foil = (Prompt(key, tuple(tokens), positions) for tokens in (ids, other))
    return Pair(key, clean, foil, 50 + number, 60 + number, f"{kind} {family}")


def selected(kind: Kind, family: str, *, first: int = 0, answered: bool = True) -> SelectedFamily:
    pairs = tuple(pair_of(kind, family, first + number) for number in range(len(ENTITIES)))
    inputs = tuple(frozenset({(pair.clean.ids[3],), (pair.foil.ids[3],)}) for pair in pairs)
    of_family = FamilyPairs(family, kind, pairs, ENTITIES, inputs, "subject", True, len(pairs), 1.0)
    return SelectedFamily(of_family, (), answered, {})


def difference(model: Any, pair: Pair, skipped: int | None = None) -> float:
    """Logit of the answer minus logit of the foil; from the first token that differs on the MLP of a block adds nothing."""

    def silent(_module: Any, _inputs: Any, output: torch.Tensor) -> torch.Tensor:
        changed = output.clone()
        changed[:, 3:] = 0
        return changed

    hooks = [] if skipped is None else [model.model.layers[skipped].mlp.register_forward_hook(silent)]
    with torch.no_grad():
        logits = model(torch.tensor([pair.clean.ids]), use_cache=False).logits[0, -1].double()
    for hook in hooks:
        hook.remove()
    return float(logits[pair.answer_id] - logits[pair.foil_id])


def mean_of_entities(values: list[float]) -> float:
    """Of the first pairs, two of which are of one entity."""
    return float(np.mean([np.mean(values[:2]), *values[2:]]))


@pytest.fixture(scope="module")
def checkpoint(tiny_models: Any) -> Checkpoint:
    return tiny_models("llama")


def test_what_skipping_a_block_costs_is_a_ratio_of_entity_means(checkpoint: Checkpoint) -> None:
    family = selected("knowledge", "fact")
    rows = list(covariates(Runs(checkpoint), [family], SETTINGS))
    skips = {row.layer: row for row in rows if (row.instrument, row.measure) == ("ablation", "zero")}
    assert sorted(skips) == list(range(checkpoint.n_layers))
    pairs = family.pairs.pairs[:PAIRS_ABLATED]
    intact = [difference(checkpoint.model, pair) for pair in pairs]
    for block, row in skips.items():
        left = [difference(checkpoint.model, pair, block) for pair in pairs]
        dropped = [one - other for one, other in zip(intact, left, strict=True)]
        assert row.mean == pytest.approx(mean_of_entities(dropped) / mean_of_entities(intact), rel=1e-3)
        assert (row.kind, row.component, row.n_items, row.n_clusters) == ("knowledge", "mlp_out", 4, 3)
        assert row.low is None and row.high is None, "three entities make no interval"


def test_families_of_a_kind_are_pooled_and_those_not_answered_or_of_two_hops_left_alone(checkpoint: Checkpoint) -> None:
    families = [
        selected("knowledge", "one"), selected("knowledge", "other", first=5),
        selected("reasoning", "lost", answered=False), selected("composite", "chain"),
    ]  # fmt: skip
    assert list(covariates(Runs(checkpoint), families[2:], SETTINGS)) == [], (
        "nothing is ablated, so nothing does damage"
    )
    rows = [row for row in covariates(Runs(checkpoint), families, SETTINGS) if row.instrument == "ablation"]
    assert {row.kind for row in rows} == {"knowledge"}
    assert {row.measure for row in rows} == {"zero", "mean"} and {row.n_items for row in rows} == {8}


@pytest.mark.parametrize(("extent", "components"), [("default", {"mlp_out"}), ("full", {"mlp_out", "attn_out"})])
def test_how_much_is_ablated_follows_the_map(extent: Extent, components: set[str], checkpoint: Checkpoint) -> None:
    rows = list(covariates(Runs(checkpoint), [selected("knowledge", "fact")], replace(SETTINGS, extent=extent)))
    assert {row.component for row in rows} == components
    pairs = {row.n_items for row in rows if row.instrument == "ablation"}
    assert pairs == ({5} if extent == "full" else {4})


def test_damage_is_the_divergence_that_the_same_ablation_causes_on_the_text_of_the_run(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    text = tmp_path / "text.txt"
    letters = np.random.default_rng(0).choice(list("abcdefghijkl"), size=200)
    text.write_text(" ".join(letters))
    rows = [
        row for row in covariates(Runs(checkpoint), [selected("knowledge", "fact")], replace(SETTINGS, text=str(text)))
        if (row.instrument, row.measure, row.kind) == ("damage", "zero", NEUTRAL)
    ]  # fmt: skip
    assert [row.layer for row in rows] == list(range(checkpoint.n_layers))
    ids = checkpoint.encode(text.read_text())
    pieces = [list(ids[start : start + 40]) for start in range(0, 120, 40)]

    def log_probs(tokens: list[int], skipped: int | None) -> torch.Tensor:
        def silent(_module: Any, _inputs: Any, output: torch.Tensor) -> torch.Tensor:
            changed = output.clone()
            changed[:, -12:] = 0
            return changed

        hooks = [] if skipped is None else [checkpoint.model.model.layers[skipped].mlp.register_forward_hook(silent)]
        with torch.no_grad():
            logits = checkpoint.model(torch.tensor([tokens]), use_cache=False).logits[0, -12:].double()
        for hook in hooks:
            hook.remove()
        return logits.log_softmax(-1)

    for row in rows:
        lost = []
        for tokens in pieces:
            intact, ablated = log_probs(tokens, None), log_probs(tokens, row.layer)
            lost.append(float((intact.exp() * (intact - ablated)).sum(-1).mean()))
        assert row.mean == pytest.approx(np.mean(lost), rel=1e-3)
