"""Which measures can be made of two models? What they share, and why for whatever they don't."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from strata.experiments.compare.models import About, Models
from strata.experiments.locate.config import LocateConfig
from strata.experiments.questions import Questions, Source, questions_for
from strata.experiments.results.comparison_reasons import WhyNotCompared
from strata.experiments.results.roles import BASE, Role

Need = Literal["items", "tokens", "depth", "width"]


@dataclass(frozen=True)
class Comparability:
    """None where a model is like its base, else the reason why it isn't."""

    items: WhyNotCompared | None = None
    """The same questions in the same words: answers can be paired."""
    tokens: WhyNotCompared | None = None
    """The same token ids of every question: readings inside of the models can be paired."""
    depth: WhyNotCompared | None = None
    """As many blocks: layers can be laid side by side."""
    width: WhyNotCompared | None = None
    """Streams of as many dimensions."""

    def why_not(self, *needed: Need) -> WhyNotCompared | None:
        """The first reason against a measure that needs all of these; None when there is none."""
        reasons: dict[Need, WhyNotCompared | None] = {
            "items": self.items, "tokens": self.tokens, "depth": self.depth, "width": self.width,
        }  # fmt: skip
        return next((why for name in needed if (why := reasons[name]) is not None), None)


def comparability(base: About, asked: Questions, other: About, other_asked: Questions) -> Comparability:
    """What a model shares with its base, `asked` and `other_asked` being the questions as each of them reads them."""
    same_tokens = _tokens(base, asked) == _tokens(other, other_asked)
    return Comparability(
        items=None if asked.sha256 == other_asked.sha256 else WhyNotCompared(code="other-items"),
        tokens=None if same_tokens else WhyNotCompared(code="other-tokens"),
        depth=_unless_equal("other-depth", other.n_layers, base.n_layers),
        width=_unless_equal("other-width", other.d_model, base.d_model),
    )


def shared_with_base(
    models: Models, asked: Questions, config: LocateConfig, items: Source | None
) -> dict[Role, Comparability]:
    """Of every model but the base, whose questions `asked` are; a model of another tokenizer or context reads its own."""
    base, shared = models.about(BASE), {}
    for role in models.others:
        other = models.about(role)
        same = (base.identity.tokenizer_sha256, base.max_context) == (
            other.identity.tokenizer_sha256,
            other.max_context,
        )
        own = asked if same else questions_for(models.get(role), config, items)
        shared[role] = comparability(base, asked, other, own)
    return shared


def _unless_equal(code: Literal["other-depth", "other-width"], here: int, base: int) -> WhyNotCompared | None:
    return None if here == base else WhyNotCompared(code=code, here=here, base=base)


def _tokens(about: About, asked: Questions) -> list[tuple[object, ...]]:
    """Without what a tokenizer puts before every text: a distilled model may bring a start token that its base lacks."""
    ahead = len(about.prefix)
    return [
        (
            item.key,
            item.prompt.ids[ahead:],
            item.foil_prompt.ids[ahead:] if item.foil_prompt else None,
            item.answer_id,
            item.foil_id,
        )
        for item in asked.encoded
    ]
