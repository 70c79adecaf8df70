"""How many CPU threads a piece of work is worth: small tensors lose more to waiting for each other than they gain."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from threading import Event
from typing import TypeVar

import torch

_WORTH_SHARING = 4_000_000
_Given = TypeVar("_Given")
_Made = TypeVar("_Made")


@contextmanager
def threads_for(elements: int) -> Iterator[None]:
    """One thread while tensors of `elements` numbers are worked on, if that is few; what was set before comes back."""
    before = torch.get_num_threads()
    if elements < _WORTH_SHARING:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def side_by_side(
    make: Callable[[_Given], _Made],
    given: Sequence[_Given],
    workers: int,
    told: Callable[[int], None] = lambda done: None,
    *,
    threads: int = 1,
    stopping: Event | None = None,
    cost: Callable[[_Given], float] | None = None,
) -> list[_Made]:
    """What `make` makes of each, in order, `workers` at a time, each by so many CPU threads; one worker leaves threads as they are.

    `make` must change nothing that others read. `told` hears how many are done. `cost`: what takes longest begins first, so that the workers
    end together. After an error, or a stop from the keyboard, what
    was begun ends and nothing else begins; `stopping` is set then, so that a long `make` that looks there can end early.
    """
    made: list[_Made] = []
    if workers < 2:
        for entry in given:
            made.append(make(entry))
            told(len(made))
        return made
    before = torch.get_num_threads()
    pool = ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(threads,))
    try:
        order = range(len(given)) if cost is None else sorted(range(len(given)), key=lambda at: -cost(given[at]))
        begun = {at: pool.submit(make, given[at]) for at in order}
        for done, future in enumerate(as_completed(begun.values()), 1):
            future.result()  # raises what it raised
            told(done)
        made += [begun[at].result() for at in range(len(given))]
    except BaseException:
        if stopping is not None:
            stopping.set()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
        # A thread that begins later takes over what was set last.
        torch.set_num_threads(before)
    return made
