"""Emergence against a spelled-out scan of every item."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from strata.probes.lens.emergence import NEVER, above_null, first_run, settled

rows = st.integers(1, 9).flatmap(
    lambda width: st.lists(st.lists(st.integers(-1, 2), min_size=width, max_size=width), min_size=1, max_size=6)
)


@given(rows)
def test_settled_is_the_first_stream_after_which_the_rank_stays_zero(ranks: list[list[int]]) -> None:
    streams = settled(torch.tensor(ranks)).tolist()
    for row, stream in zip(ranks, streams, strict=True):
        good = [s for s in range(len(row)) if all(rank == 0 for rank in row[s:])]
        assert stream == (good[0] if good else NEVER)


@given(rows, st.integers(1, 4))
def test_first_run_is_the_first_of_so_many_in_a_row(values: list[list[int]], run: int) -> None:
    streams = first_run(torch.tensor(values) > 0, run).tolist()
    for row, stream in zip(values, streams, strict=True):
        good = [s for s in range(len(row) - run + 1) if all(v > 0 for v in row[s : s + run])]
        assert stream == (good[0] if good else NEVER)


def test_an_answer_that_is_lost_before_the_end_never_settled() -> None:
    assert settled(torch.tensor([[5, 0, 0, 0, 1], [5, 1, 0, 0, 0]])).tolist() == [NEVER, 2]


def test_a_missing_unrelated_answer_is_no_reason_to_emerge() -> None:
    answer, null = torch.zeros(1, 5), torch.full((1, 5), float("nan"))
    assert above_null(answer, null).tolist() == [NEVER]
    assert above_null(answer, null.nan_to_num(-1.0)).tolist() == [0]
