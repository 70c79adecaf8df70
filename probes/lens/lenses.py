"""The lenses as values: what is done to a stream before the model's own final norm and unembedding read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from jaxtyping import Float
from torch import Tensor


class Lens(Protocol):
    """Moves stream s into the basis of stream L. Every lens leaves stream L itself alone: there it is the model."""

    @property
    def name(self) -> str:
        """`logit`, `tuned`, `bias` or `jacobian`; the instrument is called `lens.<name>`."""
        ...

    def translate(self, stream: int, h: Float[Tensor, "*row d_model"]) -> Float[Tensor, "*row d_model"]:
        """The translated stream, on the device of `h`."""
        ...


@dataclass(frozen=True)
class LogitLens:
    """Reads every stream as if it were the last one."""

    name: str = "logit"

    def translate(self, stream: int, h: Float[Tensor, "*row d_model"]) -> Float[Tensor, "*row d_model"]:
        return h


@dataclass(frozen=True, eq=False)
class TunedLens:
    """`A_s h + b_s` (2303.08112), trained to give the model's own final distribution from stream s alone."""

    matrices: Float[Tensor, "stream d_model d_model"]
    """A_s for s = 0..L−1."""
    biases: Float[Tensor, "stream d_model"]
    """b_s for s = 0..L−1."""
    name: str = "tuned"

    def translate(self, stream: int, h: Float[Tensor, "*row d_model"]) -> Float[Tensor, "*row d_model"]:
        if stream == len(self.matrices):
            return h
        moved: Tensor = h.float() @ self.matrices[stream].to(h.device).T + self.biases[stream].to(h.device)
        return moved


@dataclass(frozen=True, eq=False)
class BiasLens:
    """`A_s = 0`, `b_s` trained: what can be said without looking at the stream at all.

    With A = 0 nothing depends on s, so one bias serves every stream and its curve is flat: the floor over which a tuned
    lens has to rise before it shows anything about the item.
    """

    bias: Float[Tensor, " d_model"]
    """b, read through the final norm like a stream."""
    n_layers: int
    """L: stream L is left alone."""
    name: str = "bias"

    def translate(self, stream: int, h: Float[Tensor, "*row d_model"]) -> Float[Tensor, "*row d_model"]:
        return h if stream == self.n_layers else self.bias.to(h.device).expand_as(h)


@dataclass(frozen=True, eq=False)
class JacobianLens:
    """`J_s h` (2607.15495), J_s the mean effect of a change of stream s on stream L. J = I is the logit lens."""

    matrices: Float[Tensor, "stream d_model d_model"]
    """J_s for s = 0..L−1."""
    name: str = "jacobian"

    def translate(self, stream: int, h: Float[Tensor, "*row d_model"]) -> Float[Tensor, "*row d_model"]:
        return h if stream == len(self.matrices) else h.float() @ self.matrices[stream].to(h.device).T


LOGIT_LENS = LogitLens()
