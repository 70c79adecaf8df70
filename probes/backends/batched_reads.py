"""Prompts in, residual streams and component outputs out: streamed batch by batch, never more in memory than one.

Rows of similar length share a batch, so little is spent on padding; or rows that begin alike, where a backend runs what they share
once. The batch size is found while running: it
grows while that makes tokens go by faster, and is halved when memory runs out.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from strata.probes.backends.contract import Backend, Site, streams_of
from strata.probes.errors import DoesNotFitError, is_out_of_memory
from strata.probes.progress import Progress, silent
from strata.probes.prompts.batching import Side, locate_positions, pad, require_batch_tokens
from strata.probes.prompts.prompt import Prompt

_START_TOKENS = {"cpu": 512, "cuda": 4096}
_CEILING_TOKENS = {"cpu": 1024, "cuda": 131_072}
_SHARED = 4
"""Times as many where what rows share is run once: a whole family then stands in one batch."""
_WORTHWHILE = 1.05


@dataclass
class BatchBudget:
    """How many tokens (padding included) one batch may hold, learnt from the batches so far."""

    tokens: int
    """Current budget."""
    ceiling: int
    """Never exceeded; lowered when memory runs out."""
    growing: bool = True
    """Still looking for a faster size."""
    halvings: int = 0
    """How often memory ran out."""
    best_rate: float = field(default=0.0, repr=False)

    @classmethod
    def for_device(
        cls, device: torch.device, tokens: int | None = None, *, shares_beginnings: bool = False
    ) -> BatchBudget:
        """Starts small on the device; a given `tokens` is kept fixed, but still halved when memory runs out.

        `shares_beginnings`: of the backend that runs the batches. Raises StrataError for `tokens` below 1.
        """
        require_batch_tokens(tokens)
        if tokens is not None:
            return cls(tokens, tokens, growing=False)
        kind = device.type if device.type in _START_TOKENS else "cuda"
        times = _SHARED if shares_beginnings else 1
        return cls(times * _START_TOKENS[kind], times * _CEILING_TOKENS[kind])

    def succeeded(self, tokens: int, seconds: float) -> None:
        """Learns from a batch that filled at least half of the budget."""
        if not self.growing or tokens < self.tokens / 2:
            return
        rate = tokens / seconds
        if rate > self.best_rate * _WORTHWHILE and self.tokens < self.ceiling:
            self.best_rate = rate
            self.tokens = min(2 * self.tokens, self.ceiling)
        else:
            self.growing = False

    def failed(self) -> None:
        """Halves after running out of memory."""
        self.tokens = max(1, self.tokens // 2)
        self.ceiling, self.growing = self.tokens, False
        self.halvings += 1


@dataclass(frozen=True)
class CapturedBatch:
    rows: tuple[int, ...]
    """Indices into the prompts given to `capture_batches`."""
    values: Float[Tensor, "item site position d_model"]
    """In the model's dtype, on the device asked for."""
    present: Bool[Tensor, "item position"]
    """Whether the prompt has that named position; where False the values mean nothing."""


def capture_batches(  # eleven parameters: what is run, what is read of it and how it is batched vary apart from each other
    backend: Backend,
    prompts: Sequence[Prompt],
    *,
    pad_id: int,
    device: torch.device,
    sites: Sequence[Site] | None = None,
    positions: Sequence[str] | None = ("last",),
    side: Side = "right",
    budget: BatchBudget | None = None,
    keep_on_device: bool = False,
    progress: Progress = silent,
    stage: str = "capture",
) -> Iterator[CapturedBatch]:
    """Runs every prompt once and yields `sites` (default: streams 0..L) at the named `positions`.

    `positions` None: every column of the batch; `present` then says which of them are tokens of the row. Batches come in order of length or of beginning, not of `prompts`: use `rows`. Results are on the CPU unless `keep_on_device`;
    from a GPU they are copied through pinned memory while the next batch runs.
    Raises DoesNotFitError when a single prompt doesn't fit into memory.
    """
    sites = streams_of(backend.n_layers) if sites is None else sites
    budget = budget or BatchBudget.for_device(device)
    order = _in_order(prompts, backend.shares_beginnings)
    done, total = 0, sum(len(prompt.ids) for prompt in prompts)
    waiting: _OnItsWay | None = None
    progress(stage, 0, total, "tokens")
    while order:
        rows = tuple(_next_rows(order, prompts, budget.tokens))
        chosen = [prompts[row] for row in rows]
        began = time.perf_counter()
        try:
            batch = pad(chosen, pad_id, side)
            where, present = None, batch.mask.bool()
            if positions is not None:
                where, present = locate_positions(chosen, positions, batch)
            values = backend.read(batch, sites, where).stack(sites)
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            if len(rows) == 1:
                raise DoesNotFitError(
                    f"A prompt of {len(chosen[0].ids)} tokens ({chosen[0].key}) does not fit into memory",
                    "Leave it out, or use --dtype bfloat16, a smaller model or --device-map auto",
                ) from error
            budget.failed()
            if device.type == "cuda":
                torch.cuda.empty_cache()
            continue
        del order[: len(rows)]
        budget.succeeded(batch.ids.numel(), time.perf_counter() - began)
        if keep_on_device or values.device.type == "cpu":
            yield CapturedBatch(rows, values, present)
        else:
            if waiting is not None:
                yield waiting.arrived()
            waiting = _OnItsWay(rows, values, present)
        done += sum(len(prompt.ids) for prompt in chosen)
        progress(stage, done, total, "tokens")
    if waiting is not None:
        yield waiting.arrived()


def _in_order(prompts: Sequence[Prompt], by_beginning: bool) -> list[int]:
    rows = range(len(prompts))
    if by_beginning:
        return sorted(rows, key=lambda row: prompts[row].ids)
    # Longest first: if memory is too small, that shows in the first batch and not in the last.
    return sorted(rows, key=lambda row: (-len(prompts[row].ids), row))


def _next_rows(order: Sequence[int], prompts: Sequence[Prompt], tokens: int) -> Sequence[int]:
    """As many as a rectangle of `tokens` has room for, and at least one."""
    longest, count = len(prompts[order[0]].ids), 1
    while count < len(order):
        longest = max(longest, len(prompts[order[count]].ids))
        if longest * (count + 1) > tokens:
            break
        count += 1
    return order[:count]


class _OnItsWay:
    """One batch being copied from the GPU to pinned memory while the next one is computed."""

    def __init__(self, rows: tuple[int, ...], values: Tensor, present: Tensor) -> None:
        self.rows, self.present = rows, present
        self.host = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
        self.host.copy_(values, non_blocking=True)
        self.source = values  # kept alive until the copy is over
        self.copied: torch.cuda.Event = torch.cuda.Event()  # type: ignore[no-untyped-call]  # torch has no stub for it
        self.copied.record(torch.cuda.current_stream(values.device))

    def arrived(self) -> CapturedBatch:
        self.copied.synchronize()
        return CapturedBatch(self.rows, self.host, self.present)
