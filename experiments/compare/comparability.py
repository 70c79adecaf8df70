"""Which measures can be made of two models? What they share, and a sentence for whatever they don't."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from strata.experiments.compare.models import About
from strata.experiments.locate.item_selection import Questions

Need = Literal["items", "tokens", "depth", "width"]


@dataclass(frozen=True)
class Alike:
    """None where a model is like its base, else the reason why it isn't."""

    items: str | None = None
    """The same questions in the same words: answers can be paired."""
    tokens: str | None = None
    """The same token ids of every question: readings inside of the models can be paired."""
    depth: str | None = None
    """As many blocks: layers can be laid side by side."""
    width: str | None = None
    """Streams of as many dimensions."""

    def why_not(self, *needed: Need) -> str | None:
        """The first reason against a measure that needs all of these; None when there is none."""
        reasons = (getattr(self, name) for name in needed)
        return next((reason for reason in reasons if reason is not None), None)


def alike(base: About, asked: Questions, other: About, other_asked: Questions) -> Alike:
    """What a model shares with its base, `asked` and `other_asked` being the questions as each of them reads them."""
    return Alike(
        items=None if asked.sha256 == other_asked.sha256 else "its tokenizer makes other items of the same questions",
        tokens=None
        if _tokens(base, asked) == _tokens(other, other_asked)
        else "its tokenizer cuts the questions into other tokens",
        depth=None if base.n_layers == other.n_layers else f"it has {other.n_layers} blocks, the base {base.n_layers}",
        width=None
        if base.d_model == other.d_model
        else f"its streams have {other.d_model} dimensions, the base's {base.d_model}",
    )


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
