"""Which half of the blocks brings a change, on scores that are made up; which items are asked."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from strata.experiments.compare.config import CompareConfig
from strata.experiments.compare.layer_swap_scores import LEAST, halves, scores_of_kind
from strata.experiments.compare.layer_swaps import all_layer_swaps, swap_items, swap_names
from strata.experiments.items.alignment import EncodedItem
from strata.experiments.items.schema import Item
from strata.experiments.locate.config import LocateConfig
from strata.experiments.results.comparison import HalvedBy, Halves
from strata.experiments.results.comparison_reasons import WhyNoHalf
from strata.probes.errors import StrataError
from strata.probes.files.activation_store import ActivationStore
from strata.probes.prompts.prompt import Prompt

N_LAYERS = 4
CONFIG = CompareConfig(locate=LocateConfig(draws=200))


def encoded(kind: str, family: str, number: int, *, aligned: bool = True) -> EncodedItem:
    name = f"{family}:{number}"
    item = Item(name, kind, family, "", "a", " b", "c", " d", cluster=str(number))
    return EncodedItem(
        item, Prompt(name, (1, number), {"last": 1}), Prompt(name, (1, number + 1), {"last": 1}), 1, 2, (1,), (2,), 0,
        aligned, None if aligned else "other lengths", None, (),
    )  # fmt: skip


def store_of(path: Path, items: list[EncodedItem], moved: dict[str, float], stride: int = 1) -> ActivationStore:
    """Every item scores 1 in the base and 1 + size in the donor; block l brings `moved[l]` of that, sizes differ."""
    config = CompareConfig(swap_stride=stride)
    layer_swaps = all_layer_swaps(N_LAYERS, config)
    store = ActivationStore(path, {"made": "up"})
    sizes = torch.tensor([1.0 + row % 3 for row in range(len(items))])
    share = torch.tensor(
        [1.0 if swap.ends else sum(moved.get(str(block), 0.0) for block in swap.blocks) for swap in layer_swaps]
    )
    store.write([item.key for item in items], {"clean": 1.0 + sizes[:, None] * share[None]})
    return store


def halves_of(store: ActivationStore, items: list[EncodedItem], config: CompareConfig) -> dict[HalvedBy, Halves | None]:
    scores, clusters = scores_of_kind(store, items, "reasoning")
    assert scores_of_kind(store, items, "knowledge") == ({}, [])
    layer_swaps = all_layer_swaps(N_LAYERS, config)
    return {
        measure: halves(values, clusters, layer_swaps, N_LAYERS, LEAST[measure], CONFIG)
        for measure, values in scores.items()
    }


@pytest.mark.parametrize(
    ("moved", "expected"),
    [({"3": 1.0}, 1.0), ({"0": 1.0}, -1.0), ({"1": 0.25, "2": 0.75}, 0.5), ({"0": 0.5, "2": 0.5}, 0.0)],
)
@pytest.mark.parametrize("stride", [1, 2])
def test_the_half_that_brings_the_change_is_told_by_its_sign(
    tmp_path: Path, moved: dict[str, float], expected: float, stride: int
) -> None:
    items = [encoded("reasoning", "sum", number) for number in range(10)]
    store = store_of(tmp_path / "store", items, moved, stride)
    halves = halves_of(store, items, CompareConfig(swap_stride=stride))
    entry = halves["logit_difference"]
    assert entry is not None and entry.upper_minus_lower is not None
    assert entry.cut == 2 and entry.why is None
    assert entry.upper_minus_lower.value == pytest.approx(expected)
    assert entry.whole.value == pytest.approx(sum(1.0 + row % 3 for row in range(10)) / 10)
    # All items score above 0 with every layer swap: accuracy has nothing to share out.
    by_accuracy = halves["accuracy"]
    assert by_accuracy is not None and by_accuracy.upper_minus_lower is None
    assert by_accuracy.why == WhyNoHalf(code="no-difference")


def test_too_few_items_name_no_half(tmp_path: Path) -> None:
    items = [encoded("reasoning", "sum", number) for number in range(5)]
    store = store_of(tmp_path / "store", items, {"3": 1.0})
    entry = halves_of(store, items, CONFIG)["logit_difference"]
    assert entry is not None and entry.upper_minus_lower is None
    assert entry.why == WhyNoHalf(code="too-few-clusters", clusters=5)


def test_parts_far_from_the_middle_are_no_halves(tmp_path: Path) -> None:
    items = [encoded("reasoning", "sum", number) for number in range(10)]
    stride = CompareConfig(swap_stride=3)
    entry = halves_of(store_of(tmp_path / "store", items, {"3": 1.0}, 3), items, stride)["logit_difference"]
    assert entry is not None and entry.upper_minus_lower is None
    assert entry.why is not None and entry.why.code == "off-the-middle"


def test_without_prefixes_there_are_no_halves(tmp_path: Path) -> None:
    items = [encoded("reasoning", "sum", number) for number in range(10)]
    store = store_of(tmp_path / "store", items, {"3": 1.0})
    single = CompareConfig(swap_sweeps=("nothing", "everything", "single"))
    assert set(halves_of(store, items, single).values()) == {None}


def test_items_are_shared_out_over_families_that_some_model_answers() -> None:
    known = [encoded("knowledge", "capital", number) for number in range(12)]
    unknown = [encoded("knowledge", "river", number) for number in range(12)]
    crooked = [encoded("reasoning", "sum", number, aligned=False) for number in range(12)]
    differences = [encoded("reasoning", "difference", number) for number in range(12)]
    answered = frozenset({"capital:0", "sum:0", "difference:4"})
    chosen = swap_items([*known, *unknown, *crooked, *differences], answered, 6, seed=0)
    families = [question.item.family for question in chosen]
    assert families == ["capital"] * 6 + ["difference"] * 6
    assert len({question.key for question in chosen}) == 12


@pytest.mark.thorough
def test_layer_swaps_have_the_same_names_in_every_process_so_that_a_later_one_resumes() -> None:
    """Sets of words print in an order that depends on the process."""
    code = (
        "from strata.experiments.compare.config import CompareConfig\n"
        "from strata.experiments.compare.layer_swaps import all_layer_swaps, swap_names\n"
        "print(swap_names(all_layer_swaps(4, CompareConfig())))"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True,
            env={**os.environ, "PYTHONHASHSEED": seed}, cwd=Path(__file__).parents[3],
        ).stdout.strip()
        for seed in ("1", "2", "3")
    }  # fmt: skip
    names = swap_names(all_layer_swaps(N_LAYERS, CONFIG))
    assert printed == {str(names)}
    assert len(set(names)) == len(names) == 2 + 3 * N_LAYERS


@pytest.mark.parametrize(
    "options",
    [{"swap_pairs": -1}, {"generated": -1}, {"swap_stride": 0}, {"temperature": -0.5}, {"temperature": float("nan")}, {"temperature": float("inf")}, {"swap_sweeps": ("prefix",)},
     {"swap_sweeps": ("nothing", "everything", "sideways")}],
)  # fmt: skip
def test_sizes_that_make_no_sense_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(StrataError):
        CompareConfig(**options)
