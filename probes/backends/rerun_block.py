"""One block, called from outside over the last columns of edited runs, with everything before them from the recording."""

from __future__ import annotations

from typing import Any

from einops import rearrange, repeat
from jaxtyping import Float
from torch import Tensor

from strata.probes.backends.recording import Recording
from strata.probes.backends.shared_prefix import NoRestartError, SharedPrefix, Watch, attention_by
from strata.probes.checkpoints.quiet import first_line


def rerun_block(
    recording: Recording,
    layer: int,
    h: Float[Tensor, "variant item token d_model"],
    start: int,
    blocked: Float[Tensor, "variant item query token"] | None = None,
    watch: Watch | None = None,
) -> Float[Tensor, "variant item token d_model"]:
    """What leaves block `layer` when `h` enters it at the columns from `start` on. Hooks and gradients work as usual.

    `blocked` is added to the attention scores; `watch` is shown the attention weights. Raises NoRestartError for a block whose arguments can't be cut.
    """
    n = len(h)
    call, recorded = recording.calls[layer], recording.attention[layer]
    attention = SharedPrefix(
        n, recorded.keys[:, :, :start], recorded.values[:, :, :start], recorded.mask[:, :, start:], blocked, watch
    )
    columns = _Columns(recording.n_columns, start, n)
    block = recording.checkpoint.anatomy.blocks[layer].block
    args, kwargs = columns.args(call.args), columns.kwargs(call.kwargs)
    with attention_by(attention, recording.checkpoint.attention):
        try:
            output = block(rearrange(h, "e b q d -> (e b) q d"), *args, **kwargs)
        except (TypeError, AttributeError) as error:  # foreign code that misses its mask or its cache
            raise NoRestartError(
                f"{type(block).__name__} needs more than stream and position ({first_line(error)})"
            ) from error
    output = output[0] if isinstance(output, tuple) else output
    return rearrange(output, "(e b) q d -> e b q d", e=n)


class _Columns:
    """Cuts a block's arguments, made for the whole batch, to the recomputed columns of every run."""

    def __init__(self, total: int, start: int, n_variants: int) -> None:
        self.total, self.start, self.n_variants = total, start, n_variants

    def args(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(self._cut("an unnamed argument", value) for value in args)

    def kwargs(self, kwargs: dict[str, Any]) -> dict[str, Any]:
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
            return value[self.start :]
        if value.ndim in (2, 3) and value.shape[1] == self.total:
            cut = value[:, self.start :]
            return cut if len(cut) == 1 else repeat(cut, "b ... -> (e b) ...", e=self.n_variants)
        raise NoRestartError(f"its blocks take {name} of shape {tuple(value.shape)}")
