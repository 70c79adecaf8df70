"""What does a LoRA adapter add to each weight, a few rows at a time, without merging it into a model?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jaxtyping import Float
from safetensors import safe_open
from torch import Tensor

from strata.probes.checkpoints.foreign_patterns import refuse_endless_adapter
from strata.probes.checkpoints.peft_adapter import adapter_files, adapter_settings, stored_shapes
from strata.probes.checkpoints.peft_adapter_fit import refuse_impossible_ranks
from strata.probes.checkpoints.quiet_libraries import guarded
from strata.probes.checkpoints.tensor_names import canonical_name
from strata.probes.errors import StrataError

_UNSUPPORTED = (
    "use_dora", "use_qalora", "use_bdlora", "lora_bias", "alora_invocation_tokens", "layer_replication",
    "target_parameters", "trainable_token_indices", "arrow_config", "kasa_config", "velora_config", "monteclora_config",
    "megatron_config",
)  # fmt: skip
_MODULES = (("lora_A.weight", "lora_B.weight", False), ("lora_embedding_A", "lora_embedding_B", True))


@dataclass(frozen=True)
class LowRank:
    """The change `scale · high @ low`, transposed where the weight is stored input × output."""

    low: Float[Tensor, "rank input"]
    high: Float[Tensor, "output rank"]
    scale: float
    """alpha / rank, or alpha / √rank with rank-stabilised LoRA (arXiv 2312.03732)."""
    transposed: bool
    """The weight has one row for every input (GPT-2's linear layers, embeddings)."""

    @property
    def shape(self) -> tuple[int, int]:
        """Of the weight it belongs to."""
        output, given = self.high.shape[0], self.low.shape[1]
        return (given, output) if self.transposed else (output, given)

    def rows(self, start: int, stop: int) -> Float[Tensor, "rows columns"]:
        """Rows start..stop-1 of the change, float32."""
        if self.transposed:
            return self.scale * (self.low[:, start:stop].T @ self.high.T)
        return self.scale * (self.high[start:stop] @ self.low)


@dataclass(frozen=True)
class LoraDelta:
    adapter: str
    """As the person wrote it."""
    changes: Mapping[str, LowRank]
    """Canonical weight name to what is added to it."""
    replaced: Mapping[str, Tensor]
    """Weights that the adapter brings whole (PEFT's `modules_to_save`); a change of such a weight is added to it."""


def read_lora(adapter: str) -> LoraDelta:
    """Reads a PEFT LoRA directory or hub id; the low-rank factors are held in memory in float32.

    Rank and alpha patterns, rank-stabilised scaling, transposed layers and modules saved whole are honoured. Raises
    StrataError for another kind of adapter (DoRA, biases, replicated layers, …), whose change isn't a plain
    low-rank sum, and for one that is damaged.
    """
    return guarded(lambda: _read(adapter), f"The adapter {adapter} can't be read", "Save the adapter with PEFT again")


def _read(adapter: str) -> LoraDelta:
    from peft.utils.other import get_pattern_key

    _, weights = adapter_files(adapter)
    config = adapter_settings(adapter)
    kind = str(config.get("peft_type") or "").upper()
    refuse_impossible_ranks(adapter, config, stored_shapes(weights))
    odd = [name for name in _UNSUPPORTED if config.get(name)]
    if config.get("bias", "none") != "none":
        odd.append(f"bias={config['bias']}")
    if kind != "LORA" or odd:
        raise StrataError(
            f"{adapter} is a {kind} adapter{' with ' + ', '.join(odd) if odd else ''}, which can't be added weight by weight",
            "Merge it into its base with PEFT, save the result, and compare that directory",
        )
    with safe_open(str(weights), framework="pt") as file:
        # PEFT stores an embedding or unembedding that it changes as a copy of the base's, beside the factors.
        stored = {
            canonical_name(name).replace(".base_layer.", "."): file.get_tensor(name)
            for name in file.keys()  # noqa: SIM118  # a safetensors file is no mapping
        }
    refuse_endless_adapter(adapter, config, [name.rpartition(".lora_")[0] for name in stored])
    ranks, alphas = config.get("rank_pattern") or {}, config.get("alpha_pattern") or {}
    changes: dict[str, LowRank] = {}
    for low_name, high_name, embedding in _MODULES:
        for name in [name for name in stored if name.endswith(f".{low_name}")]:
            module = name.removesuffix(f".{low_name}")
            if f"{module}.{high_name}" not in stored:
                raise StrataError(f"{adapter} lacks {module}.{high_name}", "Copy or download it again")
            low, high = stored.pop(name).float(), stored.pop(f"{module}.{high_name}").float()
            rank = ranks.get(get_pattern_key(list(ranks), module), config.get("r", low.shape[0]))
            if low.dim() != 2 or high.dim() != 2 or not low.shape[0] == high.shape[1] == rank:
                raise StrataError(
                    f"{adapter} has factors of shape {tuple(low.shape)} and {tuple(high.shape)} at {module}, rank {rank}",
                    "Its weights and its adapter_config.json don't belong together, or it adapts more than linear layers",
                )
            stated: Any = alphas.get(get_pattern_key(list(alphas), module), config.get("lora_alpha"))
            alpha = float(rank if stated is None else stated)
            scale = alpha / (math.sqrt(rank) if config.get("use_rslora") else rank)
            transposed = embedding or bool(config.get("fan_in_fan_out"))
            changes[f"{module}.weight"] = LowRank(low, high, scale, transposed)
    left_over = [name for name in stored if "lora_" in name]
    if left_over:
        raise StrataError(
            f"{adapter} holds {len(left_over)} weights of an unknown kind, among them {left_over[0]}",
            "Merge it into its base with PEFT, save the result, and compare that directory",
        )
    if not changes and not stored:
        raise StrataError(f"{adapter} holds no weights", "Copy or download it again")
    return LoraDelta(adapter, changes, stored)
