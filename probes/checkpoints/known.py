"""Short names for the checkpoints this instrument was built to compare, and the hub ids they stand for."""

from __future__ import annotations

from types import MappingProxyType

KNOWN = MappingProxyType(
    {
        "r1-distill-qwen-1.5b": "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B",
        "r1-distill-qwen-7b": "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B",
        "r1-distill-qwen-14b": "deepseek-ai/DeepSeek-R1-Distill-Qwen-14B",
        "r1-distill-qwen-32b": "deepseek-ai/DeepSeek-R1-Distill-Qwen-32B",
        "r1-distill-llama-8b": "deepseek-ai/DeepSeek-R1-Distill-Llama-8B",
        "r1-distill-llama-70b": "deepseek-ai/DeepSeek-R1-Distill-Llama-70B",
        "qwen2.5-math-1.5b": "Qwen/Qwen2.5-Math-1.5B",
        "qwen2.5-math-7b": "Qwen/Qwen2.5-Math-7B",
        "qwen2.5-14b": "Qwen/Qwen2.5-14B",
        "qwen2.5-32b": "Qwen/Qwen2.5-32B",
        "llama-3.1-8b": "meta-llama/Llama-3.1-8B",
        "llama-3.3-70b-instruct": "meta-llama/Llama-3.3-70B-Instruct",
    }
)
