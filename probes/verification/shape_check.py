"""Does each block read and write one stream a token, and do its steps add a vector a token to it?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from strata.probes.backends.step_hooks import by_rows, first_name
from strata.probes.checkpoints.architecture_anatomy import name_of
from strata.probes.checkpoints.block_steps import written_by
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.quiet_libraries import first_line
from strata.probes.errors import NotSupportedError, is_out_of_memory
from strata.probes.foreign_types import ForeignKwargs

_ROWS, _TOKENS = 2, 3


def check_shapes(checkpoint: Checkpoint) -> str | None:
    """Runs two rows of three tokens and looks at what passes by; a model on the meta device passes shapes without numbers.

    Raises NotSupportedError where something has another shape or is called more or less than once a pass. Returns why
    it couldn't be looked at, which happens on the meta device only: a model may decide by its numbers what it runs.
    """
    seen = _Seen()
    ids = (torch.arange(_ROWS * _TOKENS) % checkpoint.vocab_size).reshape(_ROWS, _TOKENS)
    is_meta = checkpoint.device.type == "meta"
    try:
        with ExitStack() as hooks, torch.no_grad():
            for number, parts in enumerate(checkpoint.anatomy.blocks):
                seen.entering(hooks, parts.block, f"what enters block {number}", parts.axis)
                seen.leaving(hooks, parts.block, f"what leaves block {number}", parts.axis)
                for step, name in ((parts.mixer, "mixer"), (parts.channel, "channel part")):
                    for part, module in enumerate(written_by(step)):
                        if module is not parts.block:
                            which = "" if part == 0 else f" (part {part + 1})"
                            seen.leaving(hooks, module, f"what the {name} of block {number} adds{which}")
            hooks.enter_context(_without_numbers(checkpoint) if is_meta else nullcontext())
            # A mask that is spelt out isn't looked at, which without numbers would fail; else none is the plainest.
            mask = torch.zeros(_ROWS, 1, _TOKENS, _TOKENS, dtype=checkpoint.dtype, device="meta") if is_meta else None
            checkpoint.body(input_ids=ids.to(checkpoint.device), attention_mask=mask, use_cache=False)
    except Exception as error:
        if is_out_of_memory(error):
            raise
        # A body is foreign code: it may want more than token ids, or numbers where there are none.
        failure = f"{type(error).__name__}: {first_line(error)}"
        if is_meta:
            return f"shapes, since {name_of(checkpoint.model)} can't be run without its weights ({failure})"
        raise NotSupportedError(
            name_of(checkpoint.model), f"its decoder can't be run on token ids alone ({failure})"
        ) from error
    wanted = (_ROWS, _TOKENS, checkpoint.d_model)
    for place, shapes in seen.places.items():
        wrong = _what_is_wrong(shapes, wanted)
        if wrong:
            raise NotSupportedError(name_of(checkpoint.model), f"{place} {wrong}")
    return None


@contextmanager
def _without_numbers(checkpoint: Checkpoint) -> Iterator[None]:
    """Experts computed in the one way that doesn't ask which of them are needed."""
    model = checkpoint.model
    before = model.get_experts_implementation()
    model.set_experts_implementation("batched_mm")
    try:
        yield
    finally:
        model.set_experts_implementation(before)


class _Seen:
    """Shapes by place, in the order in which the places were watched."""

    def __init__(self) -> None:
        self.places: dict[str, list[tuple[int, ...] | None]] = {}

    def entering(self, hooks: ExitStack, module: nn.Module, place: str, axis: int | None = None) -> None:
        note = self._note(place, axis)

        def hook(_module: nn.Module, args: tuple[Any, ...], kwargs: ForeignKwargs) -> None:
            note(args[0] if args else kwargs[first_name(_module, kwargs)])

        hooks.callback(module.register_forward_pre_hook(hook, with_kwargs=True).remove)

    def leaving(self, hooks: ExitStack, module: nn.Module, place: str, axis: int | None = None) -> None:
        note = self._note(place, axis)

        def hook(_module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
            output = output[0] if isinstance(output, (tuple, list)) else output
            note(by_rows(output, inputs) if isinstance(output, Tensor) else output)

        hooks.callback(module.register_forward_hook(hook).remove)

    def _note(self, place: str, axis: int | None) -> Callable[[Any], None]:
        shapes = self.places.setdefault(place, [])
        return lambda value: shapes.append(_shape(value, axis) if isinstance(value, Tensor) else None)


def _shape(h: Tensor, axis: int | None) -> tuple[int, ...]:
    """The streams of a token, if there are several, taken as one."""
    joined = h if axis is None or h.ndim < 4 else h.movedim(axis, -2).flatten(-2)
    return tuple(joined.shape)


def _what_is_wrong(shapes: list[tuple[int, ...] | None], wanted: tuple[int, ...]) -> str:
    if len(shapes) != 1:
        return "is computed at no time" if not shapes else f"is computed {len(shapes)} times in one pass"
    shape = shapes[0]
    if shape == wanted:
        return ""
    if shape is None:
        return "is no tensor"
    if len(shape) > len(wanted):
        return f"has several streams a token (shape {shape} instead of {wanted})"
    if torch.Size(shape).numel() == torch.Size(wanted).numel():
        return f"is flattened over rows and tokens (shape {shape} instead of {wanted})"
    return f"has shape {shape} instead of {wanted}"
