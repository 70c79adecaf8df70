"""What is an item about? The entity that is resampled, and kept out of other folds, when families are pooled."""

from __future__ import annotations

from strata.experiments.items.schema import Item


def entity_of(item: Item) -> str:
    """What is resampled and kept out of other folds when families are pooled: China is one entity in all of them.

    The subject where items name one; otherwise the cluster, which is then the family's own.
    """
    subject = item.extra.get("subject")
    return f"subject {subject}" if isinstance(subject, str) and subject else f"{item.family} {item.cluster}"
