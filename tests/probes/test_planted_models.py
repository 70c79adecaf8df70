"""Is the truth in planted models where `write_planted` says? Asked of plain Hugging Face with hooks of this file's own."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from planted_models import Planted, write_planted
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer

from strata.experiments.items.alignment import encode_items
from strata.experiments.items.jsonl import read_items
from strata.probes.checkpoints.open_spec import open_checkpoint

ORDERS = {"retrieval below reasoning": (3, 8), "reasoning below retrieval": (8, 3)}
LAST = "last"
ENOUGH, MANY = 6, 40
"""Items of each template that interventions are run on, and that means are taken over."""


@dataclass(frozen=True)
class Group:
    """Items of one kind and template: equally long prompts with their spans at the same tokens."""

    clean: Tensor
    corrupt: Tensor
    answers: Tensor
    foils: Tensor
    places: dict[str, int]

    def first(self, most: int | None) -> Group:
        return Group(self.clean[:most], self.corrupt[:most], self.answers[:most], self.foils[:most], self.places)


class World:
    """A planted model in plain Hugging Face, and its items as batches of token ids."""

    def __init__(self, planted: Planted) -> None:
        self.planted = planted
        self.model: Any = AutoModelForCausalLM.from_pretrained(planted.checkpoint).eval()
        tokenizer = AutoTokenizer.from_pretrained(planted.checkpoint)
        records: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
        for line in planted.items.read_text().splitlines():
            record = json.loads(line)
            records[record["kind"], record["template"]].append(record)
        self.groups = {key: _group(members, tokenizer) for key, members in records.items()}

    def of(self, kind: str, most: int | None = ENOUGH) -> list[Group]:
        """The kind's items template by template; the first `most` of each, and one plain template, unless it is None."""
        return [
            group.first(most)
            for (of_kind, template), group in self.groups.items()
            if of_kind == kind and (most is None or template.endswith(("plain", "stated")))
        ]

    @torch.no_grad()
    def logits(self, ids: Tensor) -> Tensor:
        return self.model(ids, use_cache=False).logits[:, -1]

    def modules(self, component: str) -> list[Any]:
        return [getattr(block, component) for block in self.model.model.layers]

    @torch.no_grad()
    def contributions(self, ids: Tensor, component: str) -> list[Tensor]:
        """What `component` adds to the stream, block by block."""
        added: list[Tensor] = []

        def keep(module: Any, inputs: Any, output: Any) -> None:
            added.append((output[0] if isinstance(output, tuple) else output).clone())

        hooks = [module.register_forward_hook(keep) for module in self.modules(component)]
        self.model(ids)
        for hook in hooks:
            hook.remove()
        return added

    def denoised(self, kind: str, component: str, place: str) -> list[float]:
        """Effect of putting the clean contribution into the corrupt run, a number a block (ratio of sums over items)."""
        up, whole = [0.0] * self.planted.n_layers, 0.0
        for group in self.of(kind):
            clean = self.contributions(group.clean, component)
            floor = _margin(self.logits(group.corrupt), group)
            whole += float((_margin(self.logits(group.clean), group) - floor).sum())
            for block, module in enumerate(self.modules(component)):
                with _replaced(module, group.places[place], clean[block]):
                    up[block] += float((_margin(self.logits(group.corrupt), group) - floor).sum())
        return [effect / whole for effect in up]

    def ablated(self, kind: str) -> list[float]:
        """Drop in accuracy when a block's MLP adds its mean over the kind's items at every position, by block."""
        drops = [0.0] * self.planted.n_layers
        groups = self.of(kind, MANY)
        for whole in groups:
            mean = [values.mean(0, keepdim=True) for values in self.contributions(whole.clean, "mlp")]
            group = whole.first(ENOUGH)
            intact = _accuracy(self.logits(group.clean), group)
            for block, module in enumerate(self.modules("mlp")):
                with _replaced(module, None, mean[block]):
                    drops[block] += (intact - _accuracy(self.logits(group.clean), group)) / len(groups)
        return drops


@contextmanager
def _replaced(module: Any, place: int | None, value: Tensor) -> Iterator[None]:
    def swap(_: Any, inputs: Any, output: Any) -> Any:
        tensor = (output[0] if isinstance(output, tuple) else output).clone()
        rows = slice(None) if place is None else place
        tensor[:, rows] = value[:, rows]
        return (tensor, *output[1:]) if isinstance(output, tuple) else tensor

    hook = module.register_forward_hook(swap)
    yield
    hook.remove()


def _group(records: list[dict[str, Any]], tokenizer: Any) -> Group:
    def ids(texts: list[str]) -> Tensor:
        return torch.tensor(tokenizer(texts).input_ids)

    # One token a word behind `<s>`: a span's token is the number of words up to its end.
    places = [
        {name: len(record["prompt"][:end].split()) for name, (_, end) in record["spans"].items()} for record in records
    ]
    assert all(place == places[0] for place in places)
    clean = ids([record["prompt"] for record in records])
    return Group(
        clean, ids([record["foil_prompt"] for record in records]), ids([record["answer"].strip() for record in records])[:, 1],
        ids([record["foil"].strip() for record in records])[:, 1], places[0] | {LAST: clean.shape[1] - 1},
    )  # fmt: skip


def _margin(logits: Tensor, group: Group) -> Tensor:
    rows = torch.arange(len(logits))
    return logits[rows, group.answers] - logits[rows, group.foils]


def _accuracy(logits: Tensor, group: Group) -> float:
    return float((logits.argmax(-1) == group.answers).float().mean())


def _only_at(values: list[float], planted: set[int], *, above: float = 0.9, below: float = 0.1) -> None:
    """Block 0 is excluded: at a replaced token it is token identity."""
    for block, value in enumerate(values[1:], start=1):
        assert value >= above if block in planted else abs(value) <= below, (
            block,
            [round(number, 3) for number in values],
        )


@pytest.fixture(scope="module", params=list(ORDERS))
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> World:
    retrieval, reasoning = ORDERS[request.param]
    return World(write_planted(tmp_path_factory.mktemp("planted"), retrieval=retrieval, reasoning=reasoning))


def test_it_answers_every_kind_of_item(world: World) -> None:
    kinds = {kind for kind, _ in world.groups}
    assert kinds >= {"knowledge", "reasoning", "control"}
    assert ("composite" in kinds) == (world.planted.retrieval < world.planted.reasoning)
    for key, group in world.groups.items():
        assert _accuracy(world.logits(group.clean), group) >= 0.95, key


def test_only_the_retrieval_mlp_at_the_subject_restores_a_fact(world: World) -> None:
    _only_at(world.denoised("knowledge", "mlp", "subject"), {world.planted.retrieval})
    _only_at(world.denoised("knowledge", "mlp", LAST), set())


def test_only_the_reasoning_mlp_at_the_last_position_restores_a_sum(world: World) -> None:
    _only_at(world.denoised("reasoning", "mlp", LAST), {world.planted.reasoning})
    _only_at(world.denoised("reasoning", "mlp", "operand"), set())


def test_only_the_movers_attention_restores_anything_at_the_last_position(world: World) -> None:
    _only_at(world.denoised("knowledge", "self_attn", LAST), {world.planted.mover})
    _only_at(world.denoised("reasoning", "self_attn", LAST), {world.planted.operand_mover})


def test_no_mlp_restores_what_the_prompt_states(world: World) -> None:
    _only_at(world.denoised("control", "mlp", LAST), set())


def test_mean_ablation_hurts_at_the_planted_blocks_alone(world: World) -> None:
    planted = world.planted
    _only_at(world.ablated("knowledge"), {planted.retrieval}, above=0.6)
    _only_at(world.ablated("reasoning"), {planted.reasoning}, above=0.6)
    _only_at(world.ablated("control"), set())


def test_composite_items_hang_on_both_blocks(world: World) -> None:
    planted = world.planted
    if not world.of("composite"):
        pytest.skip("the attribute arrives above reasoning")
    _only_at(world.denoised("composite", "mlp", "subject"), {planted.retrieval})
    _only_at(world.denoised("composite", "mlp", LAST), {planted.reasoning})
    _only_at(world.ablated("composite"), {planted.retrieval, planted.reasoning}, above=0.6)


def test_the_decoy_is_decodable_before_retrieval_for_subjects_never_seen(world: World) -> None:
    decoy = world.planted.decoy
    assert decoy is not None and decoy < world.planted.retrieval
    before, after = _decodable(world, "subject", (decoy, decoy + 1))
    assert before <= 0.3 and after >= 0.95


def test_a_fact_is_decodable_at_the_last_position_only_above_the_mover(world: World) -> None:
    before, after = _decodable(world, LAST, (world.planted.mover, world.planted.mover + 1))
    assert before <= 0.3 and after >= 0.95


@torch.no_grad()
def _decodable(world: World, place: str, streams: tuple[int, ...]) -> list[float]:
    """Accuracy of scikit-learn's logistic regression on knowledge answers, folds sharing no subject, by stream."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    groups = world.of("knowledge", None)
    states = [world.model.model(group.clean, output_hidden_states=True).hidden_states for group in groups]
    answers = torch.cat([group.answers for group in groups]).numpy()
    subjects = torch.cat([group.clean[:, group.places["subject"]] for group in groups]).numpy()
    accuracies = []
    for stream in streams:
        rows = [state[stream][:, group.places[place]] for state, group in zip(states, groups, strict=True)]
        probe = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=200))
        folds = {"groups": subjects, "cv": GroupKFold(5)}
        accuracies.append(float(cross_val_score(probe, torch.cat(rows).numpy(), answers, **folds).mean()))
    return accuracies


def test_noise_costs_accuracy_but_moves_nothing(tmp_path: Path) -> None:
    world = World(write_planted(tmp_path, noise=0.4))
    planted = world.planted
    for kind, block, place in (("knowledge", planted.retrieval, "subject"), ("reasoning", planted.reasoning, LAST)):
        right = [(world.logits(group.clean).argmax(-1) == group.answers).float() for group in world.of(kind, None)]
        assert 0.6 <= float(torch.cat(right).mean()) <= 0.9, kind
        effects = world.denoised(kind, "mlp", place)
        assert max(range(1, len(effects)), key=effects.__getitem__) == block


def test_strata_opens_it_and_every_pair_is_aligned(world: World) -> None:
    checkpoint = open_checkpoint(str(world.planted.checkpoint), dtype="float32", device="cpu")
    encoded, excluded = encode_items(read_items(world.planted.items), checkpoint, checkpoint.max_context)
    assert not excluded and all(encoded_item.aligned and encoded_item.choice_ids for encoded_item in encoded)
    matched: dict[str, set[tuple[str, int, str]]] = defaultdict(set)
    for encoded_item in encoded:
        if "match" in encoded_item.item.extra:
            matched[encoded_item.item.extra["match"]].add(
                (encoded_item.item.kind, len(encoded_item.prompt.ids), encoded_item.item.extra["contrast"])
            )
    assert len(matched) == 80
    assert all(len(sides) == 2 and len({side[1:] for side in sides}) == 1 for sides in matched.values())


def test_one_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = (write_planted(tmp_path / name, n_layers=5, retrieval=1, reasoning=4, decoy=None) for name in "ab")
    assert first.items.read_bytes() == second.items.read_bytes()
    weights = "model.safetensors"
    assert (first.checkpoint / weights).read_bytes() == (second.checkpoint / weights).read_bytes()
