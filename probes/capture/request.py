"""What is to be captured? Texts, sites and positions as a person gives them, checked against the model before it runs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor

from strata.probes.arguments.whole_numbers import as_whole_number
from strata.probes.backends.batched_reads import BatchBudget, CapturedBatch, capture_batches
from strata.probes.backends.contract import Site, check_request
from strata.probes.backends.site_names import Sites, sites_of
from strata.probes.backends.torch_hooks import TorchHooks
from strata.probes.capture.captured_model import CapturedModel
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.errors import DoesNotFitError, StrataError
from strata.probes.numerics.free_memory import free_host_memory
from strata.probes.progress import Progress, silent
from strata.probes.prompts.batching import pad
from strata.probes.prompts.prompt import Prompt
from strata.probes.prompts.texts import LAST, Text, prompts_of
from strata.probes.verification.before_measuring import admit

ALL = "all"
Position = str | int
Positions = Position | Sequence[Position]
"""`last`, the name of a span of the items, an index into the token ids (negative: from the end), or `all` by itself."""


@dataclass(frozen=True)
class Request:
    """Texts under one model's tokenizer, with what is to be kept of them."""

    texts: tuple[Text, ...]
    """In the order given."""
    prompts: tuple[Prompt, ...]
    """Their token ids; the positions asked for under private names."""
    sites: tuple[Site, ...]
    """In the order asked for."""
    positions: tuple[Position, ...]
    """In the order asked for; 0, 1, … up to the longest text when every token is asked for."""
    every_token: bool
    """Whether `all` was asked for."""
    model: CapturedModel
    """Which model it is."""

    @property
    def where(self) -> Int[Tensor, "item position"]:
        """Index of every position in its text's token ids, −1 where the text lacks it."""
        if self.every_token:
            tokens = torch.arange(len(self.positions)).repeat(len(self.prompts), 1)
            lengths = torch.tensor([len(prompt.ids) for prompt in self.prompts])
            return tokens.masked_fill(tokens >= lengths[:, None], -1)
        names = [_private(position) for position in self.positions]
        return torch.tensor([[prompt.positions.get(name, -1) for name in names] for prompt in self.prompts])


def request_of(
    checkpoint: Checkpoint,
    texts: tuple[Text, ...],
    sites: Sites | None,
    positions: Positions,
    layers: int | Iterable[int] | None,
    prompts: Sequence[Prompt] | None = None,
) -> Request:
    """`prompts`: the texts' token ids where more is to be run than the texts. Raises StrataError for a text, a site, a block or a position that there isn't."""
    prompts = prompts_of(checkpoint, texts) if prompts is None else prompts
    chosen = sites_of(sites, checkpoint.n_layers, layers)
    check_request(checkpoint, pad(prompts[:1], checkpoint.pad_id), (), None, chosen)
    asked = positions_of(positions)
    model = CapturedModel.of(checkpoint)
    if asked == (ALL,):
        longest = max(len(prompt.ids) for prompt in prompts)
        return Request(texts, tuple(prompts), chosen, tuple(range(longest)), True, model)
    placed = tuple(
        replace(prompt, positions={_private(position): index for position, index in _indices(prompt, asked)})
        for prompt in prompts
    )
    for position in asked:
        if not any(_private(position) in prompt.positions for prompt in placed):
            raise _nowhere(position, prompts)
    return Request(texts, placed, chosen, asked, False, model)


def positions_of(given: Positions) -> tuple[Position, ...]:
    """`last`, span names and indices, each once; `all` stands alone. A number may be written as text."""
    entries: Sequence[object] = list(given) if isinstance(given, Iterable) and not isinstance(given, str) else [given]
    asked: dict[Position, None] = {}
    for entry in entries:
        position = entry if isinstance(entry, str) else as_whole_number(entry)
        if position is None:
            raise StrataError(f"{entry!r} is no position", "Give last, a span's name, a number, or all")
        asked[int(position) if isinstance(position, str) and re.fullmatch(r"-?\d+", position) else position] = None
    if not asked:
        raise StrataError("No positions were given", "Give last, a span's name, a number, or all")
    if ALL in asked and len(asked) > 1:
        raise StrataError("Position 'all' holds every other one", "Ask for it alone, then use captured.at(position)")
    return tuple(asked)


def run_request(
    checkpoint: Checkpoint,
    request: Request,
    rows: Sequence[int],
    *,
    batch_tokens: int | None = None,
    progress: Progress = silent,
) -> Iterator[CapturedBatch]:
    """Sends the model through the gate, then yields the values of the texts `rows`, in batches of similar length.

    `CapturedBatch.rows` are numbers of the request's texts. With every token asked for, the third axis is as long as
    the batch's longest text. Raises NotSupportedError, SelfTestError, DoesNotFitError; StrataError for values that are
    infinite or undefined.
    """
    budget = BatchBudget.for_device(checkpoint.device, batch_tokens)
    admit(checkpoint, request.prompts, any_prompts=True, progress=progress)
    batches = capture_batches(
        TorchHooks(checkpoint),
        [request.prompts[row] for row in rows],
        pad_id=checkpoint.pad_id,
        device=checkpoint.device,
        sites=request.sites,
        positions=None if request.every_token else [_private(position) for position in request.positions],
        budget=budget,
        progress=progress,
    )
    for batch in batches:
        members = tuple(rows[row] for row in batch.rows)
        _require_finite(batch.values, batch.present, [request.texts[row].id for row in members])
        yield CapturedBatch(members, batch.values, batch.present)


def require_room_for(shape: tuple[int, int, int, int], width: int, remedy: str) -> None:
    """Raises DoesNotFitError where values (item site position d_model) take more than half of the memory that is free."""
    items, sites, positions, _ = shape
    needed, free = prod(shape) * width, free_host_memory()
    if free is not None and needed > free / 2:
        raise DoesNotFitError(
            f"The values of {items:,} texts at {sites} sites and {positions} positions take {needed / 1e9:.1f} GB, "
            f"more than half of the {free / 1e9:.1f} GB of memory that is free",
            remedy,
        )


def _private(position: Position) -> str:
    """A name for a position that no span of an item has."""
    return f"\0{position}"


def _indices(prompt: Prompt, positions: Iterable[Position]) -> Iterator[tuple[Position, int]]:
    for position in positions:
        index = prompt.positions.get(position) if isinstance(position, str) else position
        if index is not None:
            index = index + len(prompt.ids) if index < 0 else index
            if 0 <= index < len(prompt.ids):
                yield position, index


def _nowhere(position: Position, prompts: Sequence[Prompt]) -> StrataError:
    if isinstance(position, int):
        longest = max(len(prompt.ids) for prompt in prompts)
        return StrataError(
            f"No text has a position {position}", f"Tokens are counted from 0, and the longest text has {longest}"
        )
    names = dict.fromkeys(name for prompt in prompts for name in prompt.positions if name != LAST)
    known = ", ".join((LAST, *names, "a number", ALL))
    return StrataError(f"No text has a position {position!r}", f"Choose among: {known}")


def _require_finite(values: Float[Tensor, "item site position d_model"], present: Tensor, ids: Sequence[str]) -> None:
    finite = rearrange(values, "item site position d -> item position (site d)").isfinite().all(-1) | ~present
    bad = [name for name, good in zip(ids, finite.all(-1).tolist(), strict=True) if not good]
    if bad:
        raise StrataError(
            f"{len(bad)} texts (first: {bad[0]!r}) gave infinite or undefined values in {values.dtype}",
            "Open the checkpoint in bfloat16 or float32",
        )
