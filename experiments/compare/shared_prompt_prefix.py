"""Which text stands before the prompts of compared models? The same for all: what the distilled one is used to."""

from __future__ import annotations

from collections.abc import Mapping

from strata.experiments.compare.models import Models
from strata.experiments.compare.paired_estimates import DISTILLED, Role
from strata.experiments.items.framing import caveat_of, prompt_prefix_of
from strata.experiments.locate.config import LocateConfig


def shared_prompt_prefix(
    models: Models, specs: Mapping[Role, str], config: LocateConfig
) -> tuple[str, tuple[str, ...]]:
    """The text before every prompt of every model, and the sentences that must stand beside what it gives.

    It is the one of `config`, else what the distilled model's chat template gives; StrataError where that has none.
    """
    if config.framing == "raw":
        return "", ()
    caveat = caveat_of(config.framing)
    if config.prompt_prefix is not None:
        return config.prompt_prefix, (caveat,)
    templates = {role: models.about(role).chat_template_sha256 for role in models.roles}
    prompt_prefix = prompt_prefix_of(models.get(DISTILLED).tokenizer, config.framing, specs[DISTILLED])
    foreign = [
        f"{specs[role]} has {'none' if template is None else 'another one'}"
        for role, template in templates.items()
        if template != templates[DISTILLED]
    ]
    sentence = f"All models are asked inside the chat template of {specs[DISTILLED]}: {', '.join(foreign)}"
    return prompt_prefix, (caveat, sentence) if foreign else (caveat,)
