"""What decides an adapter: everything here, the base's weights and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

from strata.experiments.declared_setting import above_zero, positive, setting, whole
from strata.probes.errors import StrataError

if TYPE_CHECKING:
    import torch

Precision = Literal["auto", "float32", "bfloat16"]
Twin = Literal["think", "filler", "plain"]
TWINS: tuple[Twin, ...] = get_args(Twin)


@dataclass(frozen=True)
class DistillConfig:
    twin: Twin = field(
        default="think",
        metadata=setting(
            "think: traces that reason; filler: as many tokens in the same form that restate the question; plain: question and answer",
            "training",
            choices=TWINS,
        ),
    )
    """`think`: traces that reason. `filler`: the same problems and as many tokens in the same form, restating the question.
    `plain`: the same problems as text, question and answer."""
    steps: int = field(default=400, metadata=setting("optimiser steps", "training", positive, metavar="N"))
    """Optimiser steps."""
    batch: int = field(default=16, metadata=setting("problems a step", "training", positive, metavar="N"))
    """Problems a step."""
    rank: int = field(default=4, metadata=setting("rank of the adapter", "training", positive, metavar="N"))
    """Rank of the change to every linear layer of the blocks (LoRA, 2106.09685)."""
    learning_rate: float = field(
        default=1e-3, metadata=setting("highest learning rate", "training", above_zero, metavar="X")
    )
    """At its height; rises over the first twentieth of the steps and falls linearly to zero."""
    precision: Precision = field(
        default="auto",
        metadata=setting(
            "float32, bfloat16, or auto: bfloat16 where it is fast", "training", choices=get_args(Precision)
        ),
    )
    """Of the products; the adapter itself is float32 while it is trained. `auto`: bfloat16 where it is fast."""
    seed: int = field(
        default=0, metadata=setting("seed of problems, order and first weights", "training", whole, metavar="N")
    )
    """Of problems, their order and the adapter's first weights."""

    def __post_init__(self) -> None:
        """Raises StrataError for values that can't be trained with."""
        if self.twin not in TWINS:
            raise StrataError(f"There is no twin {self.twin!r}", f"Choose among: {', '.join(TWINS)}")
        if self.precision not in get_args(Precision):
            raise StrataError(
                f"There is no precision {self.precision!r}", f"Choose among: {', '.join(get_args(Precision))}"
            )
        if min(self.steps, self.batch, self.rank) < 1 or self.learning_rate <= 0:
            raise StrataError(
                f"steps {self.steps}, batch {self.batch}, rank {self.rank}, learning rate {self.learning_rate} "
                "can't be trained with",
                "Give numbers above 0",
            )


def resolved_precision(config: DistillConfig, device: torch.device) -> Precision:
    """What `auto` means here: bfloat16 on a GPU and on a CPU with instructions for it, float32 elsewhere."""
    if config.precision != "auto":
        return config.precision
    if device.type != "cpu":
        return "bfloat16"
    import torch

    able = torch.cpu.get_capabilities()
    return "bfloat16" if able.get("avx512_bf16") or able.get("amx_bf16") else "float32"
