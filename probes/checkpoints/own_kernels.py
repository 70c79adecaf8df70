"""With whose code is a model computed? With torch's and transformers' own, unless the person says otherwise."""

from __future__ import annotations

from typing import Any

from strata.probes.errors import StrataError

_OWN_IMPLEMENTATIONS = (None, "eager", "sdpa", "flex_attention", "batched_mm", "grouped_mm")
"""Ways of computing attention and experts that come with torch and transformers themselves."""


def refuse_kernels(attention: str | None, trusted: bool) -> None:
    """Raises StrataError where `--attention` names code from the hub that the person hasn't trusted."""
    if attention and "/" in attention and not trusted:
        raise StrataError(
            f"--attention {attention} is code from the hub", "Read it, then give --trust-remote-code as well"
        )


def compute_here(config: Any) -> None:
    """How a model is computed is the person's choice: a config.json that names kernels would have them fetched and run."""
    for name in ("_attn_implementation", "_experts_implementation"):
        if getattr(config, name, None) not in _OWN_IMPLEMENTATIONS:
            setattr(config, name, None)
    for name in getattr(config, "sub_configs", {}):
        part = getattr(config, name, None)
        if part is not None:
            compute_here(part)
