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
        "qwen2.5-1.5b": "Qwen/Qwen2.5-1.5B",
        "qwen2.5-7b": "Qwen/Qwen2.5-7B",
        "qwen2.5-7b-instruct": "Qwen/Qwen2.5-7B-Instruct",
        "qwen2.5-14b": "Qwen/Qwen2.5-14B",
        "qwen2.5-32b": "Qwen/Qwen2.5-32B",
        "llama-3.1-8b": "meta-llama/Llama-3.1-8B",
        "llama-3.1-8b-instruct": "meta-llama/Llama-3.1-8B-Instruct",
        "llama-3.3-70b-instruct": "meta-llama/Llama-3.3-70B-Instruct",
        "biomed-r1-8b": "zou-lab/BioMed-R1-8B",
        "huatuogpt-o1-8b": "FreedomIntelligence/HuatuoGPT-o1-8B",
        "medreason-8b": "UCSC-VLAA/MedReason-8B",
        "m1-7b": "UCSC-VLAA/m1-7B-23K",
        "oat-zero-1.5b": "sail/Qwen2.5-Math-1.5B-Oat-Zero",
        "oat-zero-7b": "sail/Qwen2.5-Math-7B-Oat-Zero",
        "simplerl-zoo-qwen-math-7b": "hkust-nlp/Qwen-2.5-Math-7B-SimpleRL-Zoo",
        "simplerl-zoo-qwen-14b": "hkust-nlp/Qwen-2.5-14B-SimpleRL-Zoo",
        "simplerl-zoo-qwen-32b": "hkust-nlp/Qwen-2.5-32B-SimpleRL-Zoo",
        "simplerl-zoo-llama-8b": "hkust-nlp/Llama-3.1-8B-SimpleRL-Zoo",
        "deepscaler-1.5b": "agentica-org/DeepScaleR-1.5B-Preview",
    }
)
