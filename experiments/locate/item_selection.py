"""Which items are asked, what of them can't be asked of this model, and why."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path

from strata.experiments.items.alignment import EncodedItem, encode_items, token_length
from strata.experiments.items.builtin import build_items, chosen
from strata.experiments.items.equal_lengths import with_equal_lengths
from strata.experiments.items.framing import framed, prompt_prefix_of
from strata.experiments.items.jsonl import checked_items, items_sha256, read_items
from strata.experiments.items.schema import Item
from strata.experiments.locate.config import LocateConfig
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


def questions_for(checkpoint: Checkpoint, config: LocateConfig, source: Source | None = None) -> Questions:
    """The items of a file, those at hand, or without either the built-in families', under this checkpoint's tokenizer.

    Framed as `config` says; pairs of a file's rows that differ in length are matched anew. Raises StrataError for a bad file,
    an unknown family, a chat without a template, or when no item is left.
    """
    rematched: set[str] = set()
    if source is None:
        items = build_items(
            chosen(config.families),
            seed=config.seed,
            per_family=config.per_family,
            difficulty=config.difficulty,
            token_length=token_length(checkpoint),
        )
    else:
        given = read_items(source) if isinstance(source, Path) else checked_items(source)
        items = with_equal_lengths(given, token_length(checkpoint))
        rematched = {item.id for item, before in zip(items, given, strict=True) if item is not before}
    limited = config.limit is not None and config.limit < len(items)
    if limited:
        items = _spread(items, config.limit or 0)
    prompt_prefix = (
        prompt_prefix_of(checkpoint.tokenizer, config.framing) if config.prompt_prefix is None else config.prompt_prefix
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


def entity_of(item: Item) -> str:
    """What is resampled and kept out of other folds when families are pooled: China is one entity in all of them.

    The subject where items name one; otherwise the cluster, which is then the family's own.
    """
    subject = item.extra.get("subject")
    return f"subject {subject}" if isinstance(subject, str) and subject else f"{item.family} {item.cluster}"


def unrelated_ids(encoded: Sequence[EncodedItem]) -> list[int | None]:
    """For every item the scored token of another item of its family: neither its answer nor its foil.

    The null of every lens reading (2402.16837 uses unrelated entities likewise). Deterministic: the items of a family
    give each other their answers in a cycle. Where a small set holds no third answer, one of the item's own choices
    stands in, which are answers of the same family; None when there is no such choice either.
    """
    by_family: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index, encoded_item in enumerate(encoded):
        by_family[encoded_item.item.kind, encoded_item.item.family].append(index)
    nulls: list[int | None] = [None] * len(encoded)
    for members in by_family.values():
        size = len(members)
        for place, index in enumerate(members):
            own = {encoded[index].answer_id, encoded[index].foil_id}
            # Start half-way round, so that neighbours (often the same entity in other words) are tried last.
            given = [encoded[members[(place + size // 2 + step) % size]].answer_id for step in range(size)]
            candidates = (*given, *(encoded[index].choice_ids or ()))
            nulls[index] = next((token for token in candidates if token not in own), None)
    return nulls


def _spread(items: Sequence[Item], limit: int) -> list[Item]:
    """`limit` items taken in turn from every family, back in their original order."""
    by_family: dict[str, list[int]] = defaultdict(list)
    for index, item in enumerate(items):
        by_family[item.family].append(index)
    turns = chain.from_iterable(zip_longest(*by_family.values()))
    keep = sorted([index for index in turns if index is not None][:limit])
    return [items[index] for index in keep]
