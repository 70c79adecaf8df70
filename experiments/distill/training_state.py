"""Where a training run stands: adapter, optimiser moments and loss curve in one safetensors file, never pickled."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from strata.probes.checkpoints.identity import check_safetensors
from strata.probes.errors import DamagedError, StrataError
from strata.probes.files.atomic_writes import whole_file
from strata.probes.files.tensor_hash import hash_state

_MOMENTS = ("exp_avg", "exp_avg_sq")


@dataclass
class Curve:
    """What was measured at every step, step by step."""

    loss: list[float] = field(default_factory=list)
    """Mean negative log-likelihood a learnt token, in nats, of the step's batch before the step."""
    gradient: list[float] = field(default_factory=list)
    """Norm of the gradient before clipping."""
    rate: list[float] = field(default_factory=list)
    """Learning rate of the step."""

    @property
    def steps(self) -> int:
        return len(self.loss)


def save_state(file: Path, parameters: Mapping[str, Tensor], optimizer: torch.optim.Optimizer, curve: Curve) -> None:
    """Writes everything that going on needs. Raises DoesNotFitError when the disk is full."""
    tensors = {f"adapter/{name}": parameter.detach().cpu().contiguous() for name, parameter in parameters.items()}
    for name, parameter in parameters.items():
        held = optimizer.state.get(parameter, {})
        tensors |= {
            f"{moment}/{name}": held[moment].detach().cpu().contiguous() for moment in _MOMENTS if moment in held
        }
    curve_json = json.dumps(vars(curve))
    with whole_file(file) as part:
        save_file(tensors, part, metadata={"curve": curve_json, "sha256": _checksum(tensors, curve_json)})


def load_state(file: Path, parameters: Mapping[str, Tensor], optimizer: torch.optim.Optimizer) -> Curve:
    """Puts a saved state back into parameters and optimiser, in place.

    Raises StrataError when the file is damaged or of other parameters.
    """
    check_safetensors(file)
    with safe_open(str(file), framework="pt") as stored:
        names = set(stored.keys())
        metadata = stored.metadata() or {}
        curve_json = metadata.get("curve", "{}")
        if metadata.get("sha256") != _checksum({name: stored.get_tensor(name) for name in names}, curve_json):
            raise DamagedError(
                f"{file} is not what was written (its checksum differs)", "Put it back, or delete it to begin again"
            )
        curve = Curve(**json.loads(curve_json))
        if names != {f"{kind}/{name}" for kind in ("adapter", *_MOMENTS) for name in parameters}:
            raise StrataError(f"{file} is of another adapter", "Delete it to begin again, or give another --out")
        for name, parameter in parameters.items():
            with torch.no_grad():
                parameter.copy_(stored.get_tensor(f"adapter/{name}"))
            optimizer.state[parameter] = {
                "step": torch.tensor(float(curve.steps)),
                **{moment: stored.get_tensor(f"{moment}/{name}").to(parameter.device) for moment in _MOMENTS},
            }
    return curve


def _checksum(tensors: Mapping[str, Tensor], curve: str) -> str:
    return hashlib.sha256(f"{curve}\n{hash_state(tensors)}".encode()).hexdigest()
