"""Which text stands before the prompts of compared models? The same for all: what the distilled one is used to."""

from __future__ import annotations

from collections.abc import Mapping

from strata.experiments.compare.models import Models
from strata.experiments.items.framing import prompt_prefix_of
from strata.experiments.locate.config import LocateConfig
from strata.experiments.results.roles import DISTILLED, Role


def shared_prompt_prefix(models: Models, specs: Mapping[Role, str], config: LocateConfig) -> str:
    """The text before every prompt of every model.

    It is the one of `config`, else what the distilled model's chat template gives; StrataError where that has none.
    """
    if config.framing == "raw":
        return ""
    if config.prompt_prefix is not None:
        return config.prompt_prefix
    return prompt_prefix_of(models.get(DISTILLED).tokenizer, config.framing, specs[DISTILLED])
