"""Capture: the same values whatever the batching, the right rows, and no more memory than one batch."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
import torch
from jaxtyping import Int
from torch import Tensor

from strata.probes.backends.batched_reads import BatchBudget, capture_batches
from strata.probes.backends.contract import Activations, Site, SiteEdit
from strata.probes.errors import DoesNotFitError
from strata.probes.prompts.batching import Batch
from strata.probes.prompts.prompt import Prompt

CPU = torch.device("cpu")


@dataclass
class Echo:
    """A toy model: stream s at a column is (token id, s). Runs out of memory above `room` tokens."""

    room: int = 10**9
    n_layers: int = 2
    name: str = "echo"
    shares_beginnings: bool = False
    seen: list[tuple[int, int]] = field(default_factory=list)

    def read(
        self,
        batch: Batch,
        sites: Sequence[Site],
        where: Int[Tensor, "item position"] | None = None,
        *,
        logits: bool = False,
    ) -> Activations:
        if batch.ids.numel() > self.room:
            raise torch.OutOfMemoryError("no room")
        self.seen.append(tuple(batch.ids.shape))
        assert where is not None
        tokens = batch.ids.gather(1, where).float()
        values = {
            site: torch.stack([tokens, torch.full_like(tokens, site.layer + (site.name == "resid_post"))], -1)
            for site in sites
        }
        return Activations(values, None)

    def edit(self, batch: Batch, edits: Sequence[SiteEdit], where: Tensor | None = None, **_: object) -> Activations:
        raise AssertionError("capture never edits")


def prompts(count: int, seed: int = 0) -> list[Prompt]:
    rng = random.Random(seed)
    made = []
    for row in range(count):
        ids = tuple(rng.randrange(10, 999) for _ in range(rng.randint(2, 30)))
        places = {"last": len(ids) - 1} | ({"subject": 1} if row % 2 else {})
        made.append(Prompt(str(row), ids, places))
    return made


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("tokens", [1, 40, 4096])
def test_every_prompt_comes_once_with_its_own_tokens(side: str, tokens: int) -> None:
    asked = prompts(50)
    got: dict[int, Tensor] = {}
    for batch in capture_batches(
        Echo(), asked, pad_id=0, device=CPU, positions=("last", "subject"), side=side,
        budget=BatchBudget.for_device(CPU, tokens),
    ):  # fmt: skip
        for place, row in enumerate(batch.rows):
            assert row not in got
            got[row] = batch.values[place]
            assert batch.present[place].tolist() == [True, "subject" in asked[row].positions]
    assert set(got) == set(range(50))
    for row, values in got.items():
        assert values[:, 0, 0].tolist() == [asked[row].ids[-1]] * 3
        assert values[:, 0, 1].tolist() == [0, 1, 2]
        if "subject" in asked[row].positions:
            assert values[0, 1, 0] == asked[row].ids[1]


def test_running_out_of_memory_halves_the_batch_and_loses_no_prompt() -> None:
    backend = Echo(room=64)
    budget = BatchBudget.for_device(CPU, 1024)
    rows = [
        row
        for batch in capture_batches(backend, prompts(40), pad_id=0, device=CPU, budget=budget)
        for row in batch.rows
    ]
    assert sorted(rows) == list(range(40))
    assert budget.halvings == 4 and budget.tokens == 64


def test_a_prompt_that_fits_nowhere_is_named_with_a_remedy() -> None:
    with pytest.raises(DoesNotFitError, match=r"\(long\).*bfloat16"):
        list(capture_batches(Echo(room=3), [Prompt("long", (1, 2, 3, 4), {"last": 3})], pad_id=0, device=CPU))


def test_other_errors_of_a_model_are_not_mistaken_for_missing_memory() -> None:
    class Broken(Echo):
        def read(self, *_: object, **__: object) -> Activations:
            raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes do not match"):
        list(capture_batches(Broken(), prompts(2), pad_id=0, device=CPU))


def test_padding_stays_small_because_batches_are_cut_by_length() -> None:
    backend = Echo()
    asked = prompts(200)
    list(capture_batches(backend, asked, pad_id=0, device=CPU, budget=BatchBudget.for_device(CPU, 200)))
    padded = sum(rows * columns for rows, columns in backend.seen)
    assert padded < 1.15 * sum(len(prompt.ids) for prompt in asked)


def test_rows_that_begin_alike_share_a_batch_where_that_pays() -> None:
    asked = [Prompt(str(row), (row % 2, row, *range(row % 3)), {"last": 1}) for row in range(12)]
    budget = BatchBudget(tokens=24, ceiling=24, growing=False)
    batches = list(capture_batches(Echo(shares_beginnings=True), asked, pad_id=0, device=CPU, budget=budget))
    assert [{row % 2 for row in batch.rows} for batch in batches] == [{0}, {1}]
    longest = BatchBudget.for_device(CPU, shares_beginnings=True), BatchBudget.for_device(CPU)
    assert longest[0].ceiling > longest[1].ceiling


def test_the_budget_grows_only_while_it_pays() -> None:
    budget = BatchBudget(tokens=100, ceiling=800)
    for rate in (100, 200, 201, 500):
        budget.succeeded(budget.tokens, budget.tokens / rate)
    assert budget.tokens == 400 and not budget.growing


def test_progress_ends_at_the_number_of_real_tokens() -> None:
    seen: list[tuple[int, int | None]] = []
    asked = prompts(10)
    list(
        capture_batches(
            Echo(), asked, pad_id=0, device=CPU, progress=lambda stage, done, total, unit: seen.append((done, total))
        )
    )
    assert seen[0][0] == 0 and seen[-1] == (sum(len(p.ids) for p in asked),) * 2
