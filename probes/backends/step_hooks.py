"""Hooks on what a step of a block adds to the stream: to read it, and to replace it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from typing import Any, Protocol

from jaxtyping import Float
from torch import Tensor, nn

from strata.probes.checkpoints.block_steps import Added, Between, Place, Step
from strata.probes.foreign_types import ForeignKwargs

Change = Callable[[Tensor], Tensor]
Pick = Callable[[Tensor], Tensor]


class Overwrite(Protocol):
    """Puts an edit's values where they belong in what a module returned."""

    def __call__(
        self,
        h: Float[Tensor, "row token d_model"],
        *,
        beside: Float[Tensor, "row token d_model"] | None = None,
        scale: float = 1.0,
        nothing: bool = False,
    ) -> Float[Tensor, "row token d_model"]:
        """`h` with (values − `beside`) / `scale` at the edited places; zeros there where `nothing`."""
        ...


def read_step(step: Step, pick: Pick, keep: Callable[[Tensor], None], hooks: ExitStack) -> None:
    """`keep` is given what `step` adds to the stream, as `pick` takes it out of the batch, once a pass."""
    if isinstance(step, Between):
        before: list[Tensor] = []
        _read_before(step, pick, before, hooks)
        _read_place(step.after, lambda h: keep(pick(h) - _sum(before).to(h.device)), hooks)
    elif step.is_exact:
        _read_place(Place(step.sources[0].module, "output"), lambda h: keep(pick(h)), hooks)
    else:
        _read_added(step, pick, keep, hooks)


def edit_step(step: Step, overwrite: Overwrite, hooks: ExitStack) -> None:
    """While `hooks` is open, `step` adds what `overwrite` puts in its place."""
    before: list[Tensor] = []
    if isinstance(step, Between):
        _read_before(step, lambda h: h, before, hooks)
        change = hook_place(step.after, lambda h: overwrite(h, beside=-_sum(before).to(h)), changes=True)
        hooks.enter_context(change)
        return
    if step.rescales:
        assert step.before is not None
        _read_place(step.before, lambda h: before.__setitem__(slice(None), [h]), hooks)
    first, *others = step.sources

    def put(h: Tensor) -> Tensor:
        return overwrite(h, beside=_beside(step, before, h), scale=first.scale)

    hooks.enter_context(hook_output(first.module, put, changes=True))
    for source in others:
        hooks.enter_context(hook_output(source.module, partial(overwrite, nothing=True), changes=True))


def _read_before(step: Between, pick: Pick, parts: list[Tensor], hooks: ExitStack) -> None:
    """`parts` holds what adds up to the stream before the step."""
    _read_place(step.before, lambda h: parts.__setitem__(slice(None), [pick(h)]), hooks)
    if step.plus is not None:
        read_step(step.plus, pick, parts.append, hooks)


def _read_added(step: Added, pick: Pick, keep: Callable[[Tensor], None], hooks: ExitStack) -> None:
    seen: list[Tensor] = []
    n_parts = len(step.sources) + step.rescales

    def rescaled(h: Tensor) -> None:
        seen[:] = [pick(h) * (_like(step.keeps, h) - 1)]

    def add(h: Tensor, scale: float) -> None:
        seen.append(pick(h) * scale if scale != 1 else pick(h))
        if len(seen) == n_parts:
            total = _sum(seen)
            seen.clear()
            keep(total if step.bias is None else total + _like(step.bias, total))

    if step.rescales:
        assert step.before is not None
        _read_place(step.before, rescaled, hooks)
    for source in step.sources:
        _read_place(Place(source.module, "output"), partial(add, scale=source.scale), hooks)


def _beside(step: Added, before: list[Tensor], like: Tensor) -> Tensor | None:
    """What the step adds beside the outputs of its modules."""
    parts = [h.to(like) * (_like(step.keeps, like) - 1) for h in before]
    if step.bias is not None:
        parts.append(step.bias.detach().to(like).expand_as(like))
    return _sum(parts) if parts else None


def _like(value: Tensor | float, h: Tensor) -> Tensor | float:
    return value.detach().to(h) if isinstance(value, Tensor) else value


def _sum(parts: list[Tensor]) -> Tensor:
    return sum((part.to(parts[0].device) for part in parts[1:]), parts[0])


def _read_place(place: Place, note: Callable[[Tensor], None], hooks: ExitStack) -> None:
    def read(h: Tensor) -> Tensor:
        note(h)
        return h

    hooks.enter_context(hook_place(place, read, changes=False))


def hook_place(place: Place, fn: Change, *, changes: bool) -> AbstractContextManager[None]:
    """`fn` is given what stands at `place`, the streams of a token as one; its result takes its place where it `changes` it."""
    hook, axis = hook_input if place.at == "input" else hook_output, place.axis
    if axis is None:
        return hook(place.module, fn, changes=changes)

    def joined(h: Tensor) -> Tensor:
        one = fn(h.movedim(axis, -2).flatten(-2))
        return one.reshape(*one.shape[:-1], h.shape[axis], -1).movedim(-2, axis).contiguous()

    return hook(place.module, joined, changes=changes)


def hook_input(module: nn.Module, fn: Change, *, changes: bool) -> AbstractContextManager[None]:
    """`fn` is given the first argument of `module`; what it returns takes its place where it `changes` it."""

    def hook(_module: nn.Module, args: tuple[Any, ...], kwargs: ForeignKwargs) -> Any:
        name = None if args else first_name(module, kwargs)
        h = fn(args[0] if name is None else kwargs[name])
        if not changes:
            return None
        return ((h, *args[1:]), kwargs) if name is None else (args, {**kwargs, name: h})

    return Handle(module.register_forward_pre_hook(hook, with_kwargs=True))


def hook_output(module: nn.Module, fn: Change, *, changes: bool) -> AbstractContextManager[None]:
    """`fn` is given what `module` returns, of several things the first; its result takes its place where it `changes` it."""

    def hook(_module: nn.Module, inputs: tuple[Any, ...], output: Any) -> Any:
        is_sequence = isinstance(output, (tuple, list))
        own = output[0] if is_sequence else output
        h = fn(by_rows(own, inputs))
        if not changes:
            return None
        h = h.view_as(own)
        return type(output)((h, *output[1:])) if is_sequence else h

    return Handle(module.register_forward_hook(hook))


def stream_given(module: nn.Module, args: tuple[Any, ...], kwargs: ForeignKwargs) -> Tensor:
    """The stream that a block is called with."""
    stream: Tensor = args[0] if args else kwargs[first_name(module, kwargs)]
    return stream


def given_beside(
    module: nn.Module, args: tuple[Any, ...], kwargs: ForeignKwargs
) -> tuple[tuple[Any, ...], ForeignKwargs]:
    """What a block is called with beside the stream."""
    name = None if args else first_name(module, kwargs)
    return args[1:], {key: value for key, value in kwargs.items() if key != name}


def first_name(module: nn.Module, kwargs: ForeignKwargs) -> str:
    """Under which name a module was given the stream."""
    if "hidden_states" in kwargs:
        return "hidden_states"
    return next(name for name in inspect.signature(module.forward).parameters if name in kwargs)


def by_rows(output: Tensor, inputs: tuple[Any, ...]) -> Float[Tensor, "row token d_model"]:
    """What a module returned, in the shape of what it was given: Llama 4's experts lay the tokens of all rows in one line."""
    given = inputs[0] if inputs else None
    if isinstance(given, Tensor) and given.ndim == 3 and output.ndim == 2 and output.numel() == given.numel():
        return output.view_as(given)
    return output


class Handle(AbstractContextManager[None]):
    """A hook as a context manager."""

    def __init__(self, handle: Any) -> None:
        self.handle = handle

    def __exit__(self, *_: object) -> None:
        self.handle.remove()
