"""Which checkpoint was which one trained from, who says so, and how sure is that?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["R1-style", "non-reasoning twin", "R1-distilled", "medical", "RL only"]
Sureness = Literal["recorded with its hash", "stated by the authors", "ambiguous"]

_R1 = "table of distilled models in the README of github.com/deepseek-ai/DeepSeek-R1"
_SIMPLE_RL = "README of github.com/hkust-nlp/simpleRL-reason (paper: arXiv 2503.18892)"
_SHIPPED = "strata.json and README.md beside the adapter, which come with this package (made by strata distill)"
_OAT = "README of github.com/sail-sg/understand-r1-zero (paper: arXiv 2503.20783)"


@dataclass(frozen=True)
class KnownPair:
    distilled: str
    """The checkpoint that was trained further: its hub id, or the embedded model with a shipped adapter."""
    base: str
    """What it was trained from: a hub id, or the embedded model."""
    kind: Kind
    """How: supervised on traces like R1's or on R1's own, for medicine, by reinforcement alone, or as a control twin on text
    without reasoning."""
    stated: str
    """Where the base is stated."""
    sureness: Sureness
    """`recorded with its hash`: the record names the base's weights, and others are refused. `ambiguous`: the authors name
    two different checkpoints in two places."""
    mistaken: tuple[str, ...] = ()
    """Checkpoints that have been, or are easily, taken for the base."""
    note: str = ""
    """What else a reader should know."""


PAIRS: tuple[KnownPair, ...] = (
    *(
        KnownPair(
            f"smollm2+think{seed}", "smollm2", "R1-style", _SHIPPED, "recorded with its hash",
            (f"smollm2+filler{seed}", "smollm2+plain"),
            f"learnt to think before it answers from verified traces of a program; its control twin is smollm2+filler{seed}",
        )
        for seed in ("", "-1", "-2")
    ),
    *(
        KnownPair(
            f"smollm2+filler{seed}", "smollm2", "non-reasoning twin", _SHIPPED, "recorded with its hash",
            (f"smollm2+think{seed}",),
            f"twin of smollm2+think{seed}: as many steps and learnt tokens in the same form, with nothing worked out",
        )
        for seed in ("", "-1", "-2")
    ),
    KnownPair(
        "smollm2+plain", "smollm2", "non-reasoning twin", _SHIPPED, "recorded with its hash", ("smollm2+think",),
        "learnt the same problems as smollm2+think as plain text, question and answer",
    ),
    KnownPair(
        "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B", "Qwen/Qwen2.5-Math-1.5B", "R1-distilled", _R1,
        "stated by the authors", ("Qwen/Qwen2.5-1.5B", "Qwen/Qwen2.5-1.5B-Instruct"),
        "configuration and tokenizer were changed slightly",
    ),
    KnownPair(
        "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B", "Qwen/Qwen2.5-Math-7B", "R1-distilled", _R1,
        "stated by the authors", ("Qwen/Qwen2.5-7B", "Qwen/Qwen2.5-7B-Instruct"),
        "arXiv 2506.02126 compares it with the general Qwen2.5-7B, which is not its base",
    ),
    KnownPair(
        "deepseek-ai/DeepSeek-R1-Distill-Qwen-14B", "Qwen/Qwen2.5-14B", "R1-distilled", _R1,
        "stated by the authors", ("Qwen/Qwen2.5-14B-Instruct",),
    ),
    KnownPair(
        "deepseek-ai/DeepSeek-R1-Distill-Qwen-32B", "Qwen/Qwen2.5-32B", "R1-distilled", _R1,
        "stated by the authors", ("Qwen/Qwen2.5-32B-Instruct",),
    ),
    KnownPair(
        "deepseek-ai/DeepSeek-R1-Distill-Llama-8B", "meta-llama/Llama-3.1-8B", "R1-distilled", _R1,
        "stated by the authors", ("meta-llama/Llama-3.1-8B-Instruct",),
    ),
    KnownPair(
        "deepseek-ai/DeepSeek-R1-Distill-Llama-70B", "meta-llama/Llama-3.3-70B-Instruct", "R1-distilled", _R1,
        "stated by the authors", ("meta-llama/Llama-3.1-70B", "meta-llama/Llama-3.1-70B-Instruct"),
        "the base is already tuned to instructions",
    ),
    KnownPair(
        "zou-lab/BioMed-R1-8B", "meta-llama/Llama-3.1-8B-Instruct", "medical",
        "base_model of its model card (paper: arXiv 2505.11462)", "stated by the authors",
        ("meta-llama/Llama-3.1-8B",),
    ),
    KnownPair(
        "FreedomIntelligence/HuatuoGPT-o1-8B", "meta-llama/Llama-3.1-8B-Instruct", "medical",
        "training command in the README of github.com/FreedomIntelligence/HuatuoGPT-o1 (paper: arXiv 2412.18925)",
        "ambiguous", ("meta-llama/Llama-3.1-8B",),
        "the same page's table calls the backbone LLaMA-3.1-8B: rank both with --candidates",
    ),
    KnownPair(
        "UCSC-VLAA/MedReason-8B", "FreedomIntelligence/HuatuoGPT-o1-8B", "medical",
        "base model column of its model card (paper: arXiv 2504.00993)", "stated by the authors",
        ("meta-llama/Llama-3.1-8B", "meta-llama/Llama-3.1-8B-Instruct"), "its base is itself a medical reasoning model",
    ),
    KnownPair(
        "UCSC-VLAA/m1-7B-23K", "Qwen/Qwen2.5-7B-Instruct", "medical",
        "backbone column in the README of github.com/UCSC-VLAA/m1 (paper: arXiv 2504.00869)", "stated by the authors",
        ("Qwen/Qwen2.5-7B",),
    ),
    KnownPair(
        "sail/Qwen2.5-Math-1.5B-Oat-Zero", "Qwen/Qwen2.5-Math-1.5B", "RL only", _OAT, "stated by the authors",
        ("Qwen/Qwen2.5-1.5B",), "twin of R1-Distill-Qwen-1.5B",
    ),
    KnownPair(
        "sail/Qwen2.5-Math-7B-Oat-Zero", "Qwen/Qwen2.5-Math-7B", "RL only", _OAT, "stated by the authors",
        ("Qwen/Qwen2.5-7B",), "twin of R1-Distill-Qwen-7B",
    ),
    KnownPair(
        "hkust-nlp/Qwen-2.5-Math-7B-SimpleRL-Zero", "Qwen/Qwen2.5-Math-7B", "RL only", _SIMPLE_RL,
        "stated by the authors", ("Qwen/Qwen2.5-7B",), "twin of R1-Distill-Qwen-7B",
    ),
    KnownPair(
        "hkust-nlp/Qwen-2.5-Math-7B-SimpleRL-Zoo", "Qwen/Qwen2.5-Math-7B", "RL only", _SIMPLE_RL,
        "stated by the authors", ("Qwen/Qwen2.5-7B",), "twin of R1-Distill-Qwen-7B",
    ),
    KnownPair(
        "hkust-nlp/Qwen-2.5-14B-SimpleRL-Zoo", "Qwen/Qwen2.5-14B", "RL only", _SIMPLE_RL, "stated by the authors",
        note="twin of R1-Distill-Qwen-14B",
    ),
    KnownPair(
        "hkust-nlp/Qwen-2.5-32B-SimpleRL-Zoo", "Qwen/Qwen2.5-32B", "RL only", _SIMPLE_RL, "stated by the authors",
        note="twin of R1-Distill-Qwen-32B",
    ),
    KnownPair(
        "hkust-nlp/Llama-3.1-8B-SimpleRL-Zoo", "meta-llama/Llama-3.1-8B", "RL only", _SIMPLE_RL,
        "stated by the authors", note="twin of R1-Distill-Llama-8B",
    ),
    KnownPair(
        "agentica-org/DeepScaleR-1.5B-Preview", "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B", "RL only",
        "base_model of its model card", "stated by the authors", ("Qwen/Qwen2.5-Math-1.5B",),
        "reinforcement on top of R1-Distill-Qwen-1.5B, not beside it",
    ),
)  # fmt: skip
"""Every entry is something that was read where `stated` says; nothing was inferred from a name."""


def known_pair(distilled: str) -> KnownPair | None:
    """The entry of a checkpoint that was trained further, in any case of letters."""
    return next((pair for pair in PAIRS if pair.distilled.lower() == distilled.lower()), None)


def registered_names() -> tuple[str, ...]:
    """Every checkpoint that the registry speaks of, in any role."""
    return tuple(sorted({name for pair in PAIRS for name in (pair.distilled, pair.base, *pair.mistaken)}))
