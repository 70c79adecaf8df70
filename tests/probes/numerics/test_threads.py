"""Pieces of work side by side: in order, one thread each, and nothing new is begun after an error."""

from __future__ import annotations

import threading

import pytest
import torch

from strata.probes.numerics.threads import side_by_side


@pytest.mark.parametrize("workers", [1, 3])
def test_results_come_in_order_and_are_told_one_by_one(workers: int) -> None:
    told: list[int] = []
    assert side_by_side(lambda number: number * number, range(20), workers, told.append) == [n * n for n in range(20)]
    assert told == list(range(1, 21))


def test_the_costliest_begin_first_and_results_stay_in_order() -> None:
    begun: list[int] = []
    gate = threading.Barrier(2)

    def make(number: int) -> int:
        begun.append(number)
        if number >= 8:  # both workers have one before either takes another
            gate.wait(timeout=10)
        return -number

    assert side_by_side(make, range(10), 2, cost=float) == [-number for number in range(10)]
    assert set(begun[:2]) == {8, 9} and sorted(begun) == list(range(10))


def test_each_piece_has_one_thread_and_the_rest_of_the_program_its_own() -> None:
    before = torch.get_num_threads()
    assert set(side_by_side(lambda _: torch.get_num_threads(), range(8), 2)) == {1}
    assert torch.get_num_threads() == before
    later: list[int] = []
    thread = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert later == [before]


def test_after_an_error_nothing_else_begins() -> None:
    begun: list[int] = []
    failed = threading.Event()

    def make(number: int) -> int:
        begun.append(number)
        if number == 0:
            failed.set()
            raise ValueError("no")
        failed.wait()
        return number

    with pytest.raises(ValueError, match="no"):
        side_by_side(make, range(1_000), 2)
    assert len(begun) < 1_000
