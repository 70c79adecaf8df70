"""One block, called from outside over the last columns of edited runs, with everything before them from the recording."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from einops import rearrange, repeat
from jaxtyping import Float
from torch import Tensor, nn

from strata.probes.checkpoints.quiet_libraries import first_line
from strata.probes.foreign_types import ForeignKwargs
from strata.probes.rerun.no_restart import NoRestartError, WhyWhole
from strata.probes.rerun.recording import Recording
from strata.probes.rerun.shared_prefix import AttentionFunction, SharedPrefix, Watch, attention_by
from strata.probes.rerun.why_whole import why_whole


def rerun_block(
    recording: Recording,
    layer: int,
    h: Float[Tensor, "run item token d_model"],
    start: int,
    blocked: Float[Tensor, "run item query token"] | None = None,
    watch: Watch | None = None,
) -> Float[Tensor, "run item token d_model"]:
    """What leaves block `layer` when `h` enters it at the columns from `start` on. Hooks and gradients work as usual.

    `blocked` is added to the attention scores; `watch` is shown the attention weights. Raises NoRestartError for a block whose arguments can't be cut.
    """
    _require_restarts(recording)
    n = len(h)
    recorded = recording.attention[layer]
    attention = SharedPrefix(
        n, recorded.keys[:, :, :start], recorded.values[:, :, :start], recorded.mask[:, :, start:], blocked, watch=watch
    )
    return _called(recording, layer, h, start, recording.n_columns, attention)


def rerun_last_column(
    recording: Recording, layer: int, h: Float[Tensor, "run item token d_model"], start: int
) -> Float[Tensor, "run item one d_model"]:
    """What `rerun_block` returns at the last column, nothing but keys and values computed of the columns before it."""
    n, last = len(h), recording.n_columns - 1
    recorded, own = recording.attention[layer], None
    if start < last:
        known = _Known()
        with suppress(_Known):
            _called(recording, layer, h[:, :, :-1], start, last, known)
        own = known.keys, known.values
    attention = SharedPrefix(
        n, recorded.keys[:, :, :start], recorded.values[:, :, :start], recorded.mask[:, :, last:], own=own
    )
    return _called(recording, layer, h[:, :, -1:], last, recording.n_columns, attention)


def _require_restarts(recording: Recording) -> None:
    if not recording.restarts:
        raise NoRestartError(why_whole(recording.checkpoint, recording.other) or WhyWhole("not-recorded"))


class _Known(Exception):
    """An attention function that leaves the block as soon as keys and values are there."""

    keys: Tensor
    values: Tensor

    def __call__(
        self,
        module: nn.Module,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attention_mask: Tensor | None,
        **options: Any,
    ) -> tuple[Tensor, None]:
        self.keys, self.values = key, value
        raise self


def _called(
    recording: Recording,
    layer: int,
    h: Float[Tensor, "run item token d_model"],
    start: int,
    stop: int,
    attention: AttentionFunction,
) -> Float[Tensor, "run item token d_model"]:
    """The block over the columns from `start` to before `stop`, with another attention function."""
    n, call = len(h), recording.calls[layer]
    columns = _Columns(recording.n_columns, start, stop, n)
    block = recording.checkpoint.anatomy.blocks[layer].block
    args, kwargs = columns.args(call.args), columns.kwargs(call.kwargs)
    with attention_by(attention, recording.checkpoint.attention):
        try:
            output = block(rearrange(h, "e b q d -> (e b) q d"), *args, **kwargs)
        except (TypeError, AttributeError) as error:  # foreign code that misses its mask or its cache
            raise NoRestartError(
                WhyWhole("block-needs-more", block=type(block).__name__, error=first_line(error))
            ) from error
    output = output[0] if isinstance(output, (tuple, list)) else output
    return rearrange(output, "(e b) q d -> e b q d", e=n)


class _Columns:
    """Cuts a block's arguments, made for the whole batch, to the recomputed columns of every run."""

    def __init__(self, total: int, start: int, stop: int, n_runs: int) -> None:
        self.total, self.kept, self.n_runs = total, slice(start, stop), n_runs

    def args(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(self._cut("an unnamed argument", value) for value in args)

    def kwargs(self, kwargs: ForeignKwargs) -> ForeignKwargs:
        # Masks are applied by the shared prefix, and a cache would hold tokens that are not there.
        gone = {"attention_mask": None, "past_key_values": None, "layer_past": None, "use_cache": False}
        return {name: gone[name] if name in gone else self._cut(name, value) for name, value in kwargs.items()}

    def _cut(self, name: str, value: Any) -> Any:
        if isinstance(value, tuple) and all(isinstance(part, Tensor) for part in value):
            return tuple(self._cut(name, part) for part in value)
        if not isinstance(value, Tensor):
            return value
        if value.ndim == 4 and value.shape[-1] == self.total:  # a mask
            return None
        if value.ndim == 1 and len(value) == self.total:
            return value[self.kept]
        if value.ndim in (2, 3) and value.shape[1] == self.total:
            cut = value[:, self.kept]
            return cut if len(cut) == 1 else repeat(cut, "b ... -> (e b) ...", e=self.n_runs)
        raise NoRestartError(WhyWhole("block-takes", arguments=(name,), shape=tuple(value.shape)))
