"""Attention of the last tokens of many edited runs over one unedited prefix, whose keys and values are never copied.

Edited runs of one prompt differ only from the first edited token on, so before it they have the same keys and values.
All queries of a prompt, of all its edited runs and heads of a group, meet that prefix in one matrix product.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from strata.probes.foreign_types import ForeignKwargs
from strata.probes.rerun.no_restart import NoRestartError, WhyWhole

AttentionFunction = Callable[..., tuple[Tensor, None]]
Watch = Callable[[Float[Tensor, "item group run repeat query token"]], None]

_KNOWN_OPTIONS = frozenset(
    {"dropout", "scaling", "is_causal", "sliding_window", "softcap", "position_ids", "use_cache", "cache_position"}
    | {"output_attentions", "output_hidden_states", "return_dict", "past_key_values", "position_embeddings"}
)


@contextmanager
def attention_by(function: AttentionFunction, implementation: str) -> Iterator[None]:
    """Every attention that this thread calls is computed by `function` while this is open; the model itself isn't changed.

    Other threads keep theirs, unless they have none and the implementation is none of the registered ones.
    """
    mine: list[AttentionFunction] = _of_thread.__dict__.setdefault(implementation, [])
    mine.append(function)
    _installed(implementation)
    try:
        yield
    finally:
        mine.pop()
        _taken_away(implementation)


_of_thread = threading.local()
"""By implementation: the functions that are open in this thread, the last of which counts."""
_lock = threading.Lock()
_by_thread: dict[str, _ByThread] = {}


@dataclass
class _ByThread:
    """Stands in the library's registry: another function in every thread."""

    implementation: str
    before: AttentionFunction | None
    """As registered globally, if so."""
    registered: AttentionFunction | None
    """What the implementation means to a thread that has no function of its own."""
    opened: int = 0

    def __call__(self, *args: Any, **options: Any) -> tuple[Tensor, None]:
        mine: list[AttentionFunction] = _of_thread.__dict__.get(self.implementation, [])
        function = mine[-1] if mine else self.registered
        if function is None:
            raise NoRestartError(WhyWhole("other-thread", attention=self.implementation))
        return function(*args, **options)


def _installed(implementation: str) -> None:
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS as REGISTRY

    with _lock:
        entry = _by_thread.get(implementation)
        if entry is None:
            before = REGISTRY._local_mapping.get(implementation)
            entry = _ByThread(implementation, before, REGISTRY.get(implementation))
            _by_thread[implementation] = REGISTRY[implementation] = entry
        entry.opened += 1


def _taken_away(implementation: str) -> None:
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS as REGISTRY

    with _lock:
        entry = _by_thread[implementation]
        entry.opened -= 1
        if entry.opened:
            return
        del _by_thread[implementation]
        if entry.before is None:
            del REGISTRY[implementation]
        else:
            REGISTRY[implementation] = entry.before


@dataclass
class RecordedAttention:
    """What the attention of one block was computed from."""

    keys: Float[Tensor, "item group token d_head"]
    """After position embedding and norms, not repeated over the heads of a group."""
    values: Float[Tensor, "item group token d_head"]
    mask: Float[Tensor, "item one token token"]
    """Added to the scores: 0 where a query may look, hugely negative where not (future, pads, outside a window)."""


class Recorder:
    """An attention function that writes down every block's keys, values and mask."""

    def __init__(self) -> None:
        self.blocks: list[RecordedAttention] = []
        self._masks: dict[int, tuple[Tensor, Tensor]] = {}

    def __call__(
        self,
        module: nn.Module,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attention_mask: Tensor | None,
        **options: Any,
    ) -> tuple[Tensor, None]:
        _check(options)
        if attention_mask is None or attention_mask.ndim != 4:
            raise NoRestartError(WhyWhole("mask-hidden"))
        mask = self._additive(attention_mask)
        self.blocks.append(RecordedAttention(key, value, mask))
        own = SharedPrefix(1, key[:, :, :0], value[:, :, :0], mask)
        return own(module, query, key, value, None, **options)

    def _additive(self, mask: Tensor) -> Float[Tensor, "item one token token"]:
        if id(mask) not in self._masks:
            lowest = torch.finfo(torch.float32).min
            added = mask.float() if mask.dtype != torch.bool else torch.zeros_like(mask, dtype=torch.float32)
            added = added.masked_fill(~mask, lowest) if mask.dtype == torch.bool else added.clamp(min=lowest)
            self._masks[id(mask)] = mask, added
        return self._masks[id(mask)][1]


@dataclass
class SharedPrefix:
    """The attention function of one block for `n_runs` edited runs of the same items, rows ordered run by run."""

    n_runs: int
    keys: Float[Tensor, "item group prefix d_head"]
    values: Float[Tensor, "item group prefix d_head"]
    mask: Float[Tensor, "item one query token"]
    """Added to the scores of the queries, over the prefix and the queries' own tokens."""
    blocked: Float[Tensor, "run item query token"] | None = None
    """Added on top, run by run."""
    own: tuple[Float[Tensor, "row group earlier d_head"], Float[Tensor, "row group earlier d_head"]] | None = None
    """Keys and values of tokens between the prefix and the queries, run by run."""
    watch: Watch | None = None
    """Is shown the attention weights."""

    def __call__(
        self,
        module: nn.Module,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attention_mask: Tensor | None,
        **options: Any,
    ) -> tuple[Float[Tensor, "row query head d_head"], None]:
        _check(options)
        if self.own is not None:
            key, value = (torch.cat(parts, 2) for parts in zip(self.own, (key, value), strict=True))
        e, g = self.n_runs, key.shape[1]
        n_queries, n_own, n_prefix = query.shape[2], key.shape[2], self.keys.shape[2]
        scale = options.get("scaling")
        scale = query.shape[-1] ** -0.5 if scale is None else scale
        q = rearrange(query, "(e b) (g r) q d -> b g (e r q) d", e=e, g=g)
        own_keys, own_values = (rearrange(t, "(e b) g k d -> b g e k d", e=e) for t in (key, value))
        q_own = rearrange(q, "b g (e rq) d -> b g e rq d", e=e)
        own = (q_own * own_keys).sum(-1, keepdim=True) if n_own == 1 else q_own @ own_keys.transpose(-1, -2)
        scores = torch.empty((*own.shape[:-1], n_prefix + n_own), dtype=own.dtype, device=own.device)
        scores[..., n_prefix:] = own
        if n_prefix:
            scores[..., :n_prefix] = rearrange(q @ self.keys.transpose(-1, -2), "b g (e rq) c -> b g e rq c", e=e)
        scores = scores.float().mul_(scale)
        if options.get("softcap") is not None:
            scores = torch.tanh(scores / options["softcap"]) * options["softcap"]
        split = rearrange(scores, "b g e (r q) c -> b g e r q c", q=n_queries)
        split = split + self.mask[:, :, None, None]
        if self.blocked is not None:
            split = split + rearrange(self.blocked, "e b q c -> b 1 e 1 q c")
        shares = split.softmax(-1)
        if self.watch is not None:
            self.watch(shares)
        weights = rearrange(shares, "b g e r q c -> b g e (r q) c").to(value.dtype)
        mixed = weights[..., n_prefix:] * own_values if n_own == 1 else weights[..., n_prefix:] @ own_values
        if n_prefix:
            over = rearrange(weights[..., :n_prefix], "b g e rq c -> b g (e rq) c") @ self.values
            mixed = mixed + rearrange(over, "b g (e rq) d -> b g e rq d", e=e)
        return rearrange(mixed, "b g e (r q) d -> (e b) q (g r) d", q=n_queries).contiguous(), None


def _check(options: ForeignKwargs) -> None:
    unknown = sorted(name for name, value in options.items() if value is not None and name not in _KNOWN_OPTIONS)
    if unknown:
        raise NoRestartError(WhyWhole("attention-takes", arguments=tuple(unknown)))
