"""How much did each weight change from one checkpoint to another? Read tensor by tensor, in chunks of rows."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from jaxtyping import Float
from torch import Tensor

from strata.probes.checkpoints.tensor_names import PARTS, is_embedding, is_unembedding, part_of
from strata.probes.errors import StrataError
from strata.probes.progress import Progress, silent
from strata.probes.weights.spectrum import Spectrum, spectrum_of
from strata.probes.weights.tensor_source import TensorSource, open_tensors

CHUNK_ELEMENTS = 1 << 22
"""Three float64 copies of a chunk are 100 MB, whatever the size of the tensor."""


@dataclass(frozen=True)
class Moments:
    """Sums over the compared elements a of A and b of B, in float64."""

    dot: float
    """Σ ab"""
    square_a: float
    """Σ a²"""
    square_b: float
    """Σ b²"""
    square_change: float
    """Σ (b − a)², summed as such: no cancellation for small changes."""

    @property
    def cosine(self) -> float | None:
        """Between A and B as vectors; None when one of them is zero."""
        scale = math.sqrt(self.square_a) * math.sqrt(self.square_b)
        return max(-1.0, min(1.0, self.dot / scale)) if scale else None

    @property
    def relative_norm(self) -> float | None:
        """‖B − A‖ / ‖A‖ in the Frobenius norm; None when A is zero and B isn't."""
        if self.square_change == 0.0:
            return 0.0
        return math.sqrt(self.square_change / self.square_a) if self.square_a else None

    def __add__(self, other: Moments) -> Moments:
        return Moments(
            self.dot + other.dot, self.square_a + other.square_a, self.square_b + other.square_b,
            self.square_change + other.square_change,
        )  # fmt: skip


@dataclass(frozen=True)
class TensorChange:
    name: str
    """Canonical: without the wrappers in front."""
    block: int | None
    """None outside of the blocks."""
    matrix: str
    """q, k, v, qkv, o, gate, up, gate_up, down, router, norms, biases, other, embedding, positions, final_norm,
    unembedding."""
    shape_a: tuple[int, ...] | None
    """None when A has no such tensor."""
    shape_b: tuple[int, ...] | None
    """None when B has no such tensor."""
    moments: Moments | None
    """None when the two can't be compared: one is missing, or the shapes differ in more than vocabulary rows."""
    shared_rows: int | None
    """Rows compared when the two vocabularies differ in size (the first ones: ids are kept when one is extended)."""
    identical: bool
    """Every compared element is equal, after rounding the finer stored precision to the coarser one."""
    spectrum: Spectrum | None
    """Of B − A; None for vectors, for no change and when it wasn't asked for."""

    @property
    def cosine(self) -> float | None:
        """See Moments."""
        return self.moments.cosine if self.moments else None

    @property
    def relative_norm(self) -> float | None:
        """See Moments."""
        return self.moments.relative_norm if self.moments else None

    @property
    def is_matrix(self) -> bool:
        """True for weights with rows and columns: vectors (norms, biases) are alike in unrelated models too."""
        return self.shape_a is not None and len(self.shape_a) > 1 and self.matrix != "norms"


@dataclass(frozen=True)
class WeightChange:
    """A line of the table: one kind of matrix in one block."""

    block: int | None
    """None outside of the blocks."""
    matrix: str
    """As in TensorChange."""
    relative_norm: float | None
    """‖B − A‖ / ‖A‖ over all tensors of this line together."""
    cosine: float | None
    """Over all tensors of this line together."""
    stable_rank: float | None
    """Of the change; over several tensors their mean."""
    top_share: float | None
    """Share of the change's energy in its largest singular values; over several tensors their mean."""
    n: int
    """Tensors in this line."""


def compare_weights(
    a: str | TensorSource,
    b: str | TensorSource,
    *,
    spectrum: bool = True,
    top: int = 16,
    seed: int = 0,
    chunk_elements: int = CHUNK_ELEMENTS,
    known: Mapping[str, TensorChange] = MappingProxyType({}),
    progress: Progress = silent,
) -> Iterator[TensorChange]:
    """The change of every tensor from A to B, in name order, one yielded as soon as it is known.

    `a` and `b` are CHECKPOINT texts or what `open_tensors` returned. Both are read by rows, `chunk_elements` numbers
    at a time, so memory stays at a few hundred MB whatever the model's size. A tied unembedding is compared as the
    embedding it stands for when the other model has one of its own. `spectrum` reads matrices with more than 1,024
    columns five more times (`spectrum_of`: `top`, `seed`). What is in `known`, by name, is handed on unread: that is
    how an interrupted comparison goes on.

    Raises StrataError for a checkpoint that can't be read by tensors and for one that holds NaN or infinity.
    """
    first = open_tensors(a, progress) if isinstance(a, str) else a
    second = open_tensors(b, progress) if isinstance(b, str) else b
    pairs = [(name, _home(name, first), _home(name, second)) for name in sorted({*first.tensors, *second.tensors})]
    total = sum(math.prod(first.tensors[home].shape) for _, home, _ in pairs if home)
    done = 0
    for name, home_a, home_b in pairs:
        progress("comparing weights", done, total, "weights")
        if name in known:
            yield known[name]
        else:
            reader = _Reader(first, second, home_a, home_b, chunk_elements)
            yield _change(name, reader, spectrum, top, seed)
        done += math.prod(first.tensors[home_a].shape) if home_a else 0
    progress("comparing weights", total, total, "weights")


def weight_changes(changes: Iterable[TensorChange]) -> tuple[WeightChange, ...]:
    """One line per block and kind of matrix, embedding first, blocks in order, then what follows them.

    Only tensors that could be compared count.
    """
    groups: dict[tuple[int | None, str], list[TensorChange]] = defaultdict(list)
    for change in changes:
        if change.moments is not None:
            groups[change.block, change.matrix].append(change)
    return tuple(_line(block, matrix, groups[block, matrix]) for block, matrix in sorted(groups, key=_order))


def _line(block: int | None, matrix: str, members: list[TensorChange]) -> WeightChange:
    moments = Moments(0.0, 0.0, 0.0, 0.0)
    for member in members:
        if member.moments is not None:
            moments = moments + member.moments
    spectra = [member.spectrum for member in members if member.spectrum is not None]
    return WeightChange(
        block=block,
        matrix=matrix,
        relative_norm=moments.relative_norm,
        cosine=moments.cosine,
        stable_rank=sum(spectrum.stable_rank for spectrum in spectra) / len(spectra) if spectra else None,
        top_share=sum(spectrum.top_share for spectrum in spectra) / len(spectra) if spectra else None,
        n=len(members),
    )


def _order(key: tuple[int | None, str]) -> tuple[int, int, int]:
    block, matrix = key
    place = PARTS.index(matrix)
    if block is not None:
        return 1, block, place
    return (0 if matrix in ("embedding", "positions") else 2), 0, place


def _home(name: str, source: TensorSource) -> str | None:
    """Under which name `source` keeps this tensor."""
    if name in source.tensors:
        return name
    if source.tied and is_unembedding(name):
        return next((other for other in source.tensors if is_embedding(other)), None)
    if source.tied and is_embedding(name):
        return next((other for other in source.tensors if is_unembedding(other)), None)
    return None


@dataclass(frozen=True)
class _Reader:
    """The rows of one tensor in both checkpoints, side by side."""

    a: TensorSource
    b: TensorSource
    home_a: str | None
    home_b: str | None
    chunk_elements: int

    @property
    def shapes(self) -> tuple[tuple[int, ...] | None, tuple[int, ...] | None]:
        return (
            self.a.tensors[self.home_a].shape if self.home_a else None,
            self.b.tensors[self.home_b].shape if self.home_b else None,
        )

    def chunks(self, rows: int, columns: int) -> Iterator[tuple[Float[Tensor, "r c"], Float[Tensor, "r c"]]]:
        step = max(1, self.chunk_elements // max(1, columns))
        for start in range(0, rows, step):
            stop = min(rows, start + step)
            yield self.a.rows(self.home_a or "", start, stop), self.b.rows(self.home_b or "", start, stop)

    def changes(self, rows: int, columns: int) -> Iterator[Float[Tensor, "r c"]]:
        for first, second in self.chunks(rows, columns):
            exact = torch.float64 in (first.dtype, second.dtype)
            yield second.double() - first.double() if exact else second.float() - first.float()


def _change(name: str, reader: _Reader, spectrum: bool, top: int, seed: int) -> TensorChange:
    block, matrix = part_of(name)
    shape_a, shape_b = reader.shapes
    rows, columns = _common(matrix, shape_a, shape_b)
    if shape_a is None or shape_b is None or not rows:
        return TensorChange(name, block, matrix, shape_a, shape_b, None, None, False, None)
    moments, identical = Moments(0.0, 0.0, 0.0, 0.0), True
    for first, second in reader.chunks(rows, columns):
        identical = identical and _equal(first, second)
        x, y = first.double().flatten(), second.double().flatten()
        dot, square_a, square_b = float(x @ y), float(x @ x), float(y @ y)
        y -= x
        moments = moments + Moments(dot, square_a, square_b, float(y @ y))
    for source, square in ((reader.a, moments.square_a), (reader.b, moments.square_b)):
        if not math.isfinite(square):
            raise StrataError(f"{name} of {source.spec} holds NaN or infinity", "Download it again, or train it anew")
    wanted = spectrum and len(shape_a) == 2 and moments.square_change > 0
    return TensorChange(
        name=name,
        block=block,
        matrix=matrix,
        shape_a=shape_a,
        shape_b=shape_b,
        moments=moments,
        shared_rows=rows if shape_a != shape_b else None,
        identical=identical,
        spectrum=spectrum_of(lambda: reader.changes(rows, columns), (rows, columns), top=top, seed=seed)
        if wanted
        else None,
    )


def _common(matrix: str, a: tuple[int, ...] | None, b: tuple[int, ...] | None) -> tuple[int, int]:
    """(rows, columns) that both have; (0, 0) when they can't be laid side by side."""
    if a is None or b is None or not a or not b:
        return 0, 0
    if a == b:
        return a[0], math.prod(a[1:])
    if matrix in ("embedding", "unembedding") and a[1:] == b[1:]:
        return min(a[0], b[0]), math.prod(a[1:])
    return 0, 0


def _equal(first: Tensor, second: Tensor) -> bool:
    if first.dtype == second.dtype:
        return torch.equal(first, second)
    coarse = min(
        (first, second), key=lambda tensor: (torch.finfo(tensor.dtype).bits, tensor.dtype != torch.bfloat16)
    ).dtype
    return torch.equal(first.to(coarse), second.to(coarse))
