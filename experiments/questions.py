"""Which items is a model asked, what of them can't be asked of it, and why? The same for every experiment that asks questions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from strata.experiments.items.alignment import EncodedItem, encode_items, token_length
from strata.experiments.items.builtin import build_items, chosen
from strata.experiments.items.equal_lengths import with_equal_lengths
from strata.experiments.items.framing import framed, prompt_prefix_of
from strata.experiments.items.jsonl import checked_items, items_sha256, read_items
from strata.experiments.items.round_robin import round_robin
from strata.experiments.items.schema import Item
from strata.experiments.question_choice import QuestionChoice
from strata.experiments.results.item_exclusions import WhyExcluded, counted
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.errors import StrataError

Source = Path | Sequence[Item]
"""Where items come from that aren't the built-in families': a JSON Lines file, or a list at hand."""


@dataclass(frozen=True)
class Questions:
    items: tuple[Item, ...]
    """All that were asked for, excluded ones too; framed, as they are asked."""
    encoded: tuple[EncodedItem, ...]
    """Those the model can be asked, in the same order."""
    excluded: dict[str, WhyExcluded]
    """Why the others can't be asked, by item id."""
    sha256: str
    """Over the items, in order."""
    limited: bool
    """Whether `--limit` cut the set."""
    prompt_prefix: str = ""
    """Text that stands before every prompt; empty for raw ones."""
    rematched: int = 0
    """Items asked whose counterfactual prompt was replaced by another row's, since it had another number of tokens."""

    @property
    def counted_reasons(self) -> dict[str, int]:
        return counted(self.excluded.values())

    def positions_nowhere(self, names: Sequence[str]) -> list[str]:
        """Those of `names` that no item has, most likely misspelt."""
        return [
            name for name in names if not any(name in encoded_item.prompt.positions for encoded_item in self.encoded)
        ]


def questions_for(checkpoint: Checkpoint, choice: QuestionChoice, source: Source | None = None) -> Questions:
    """The items of a file, those at hand, or without either the built-in families', under this checkpoint's tokenizer.

    Framed as `choice` says; pairs of a file's rows that differ in length are matched anew. Raises StrataError for a bad file,
    an unknown family, a chat without a template, or when no item is left.
    """
    rematched: set[str] = set()
    if source is None:
        items = build_items(
            chosen(choice.families),
            seed=choice.seed,
            per_family=choice.per_family,
            difficulty=choice.difficulty,
            token_length=token_length(checkpoint),
        )
    else:
        given = read_items(source) if isinstance(source, Path) else checked_items(source)
        items = with_equal_lengths(given, token_length(checkpoint))
        rematched = {item.id for item, before in zip(items, given, strict=True) if item is not before}
    limited = choice.limit is not None and choice.limit < len(items)
    if limited:
        items = _spread(items, choice.limit or 0)
    prompt_prefix = (
        prompt_prefix_of(checkpoint.tokenizer, choice.framing) if choice.prompt_prefix is None else choice.prompt_prefix
    )
    items = [framed(item, prompt_prefix) for item in items]
    encoded, refused = encode_items(items, checkpoint, checkpoint.max_context)
    if not encoded:
        reasons = "; ".join(f"{count} × {why.words}" for why, count in Counter(refused.values()).items())
        place = source if isinstance(source, Path) else "the list of items"
        where = "among the built-in families chosen" if source is None else f"in {place}"
        raise StrataError(
            f"No item is left to ask {where} ({reasons or 'there were none'})",
            "Choose other families, or items that fit this model's tokenizer and context",
        )
    return Questions(
        tuple(items), tuple(encoded), {name: WhyExcluded.of(why) for name, why in refused.items()}, items_sha256(items), limited, prompt_prefix,
        sum(item.id in rematched for item in items),
    )  # fmt: skip


def _spread(items: Sequence[Item], limit: int) -> list[Item]:
    """`limit` items taken in turn from every family, back in their original order."""
    keep = round_robin(range(len(items)), lambda index: items[index].family)[:limit]
    return [items[index] for index in sorted(keep)]
