"""Items for a person's own code: from a JSON Lines file, or drawn from the built-in families."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from strata.experiments.items.alignment import token_length
from strata.experiments.items.builtin import build_items, chosen
from strata.experiments.items.jsonl import read_items
from strata.experiments.items.schema import Item
from strata.probes.errors import StrataError

if TYPE_CHECKING:
    from strata.probes.checkpoints.checkpoint import Checkpoint


def load_items(
    source: str | Path | Sequence[str],
    *,
    per_family: int = 40,
    difficulty: int | None = None,
    seed: int = 0,
    checkpoint: Checkpoint | None = None,
) -> list[Item]:
    """The items of a JSON Lines file (one object a line), or of built-in families: `"capital"`, or a list of names.

    A name may also be a kind, a domain or `all`; of each family at most `per_family` items are drawn by `seed`.
    `difficulty` sets the reasoning families' difficulty. With a `checkpoint` the drawn pairs have prompts of equal length
    under its tokenizer, where the family can choose. `pandas.DataFrame(items)` is a table of them.
    Raises StrataError with file, line and field for the first line that doesn't validate, and for an unknown family.

    >>> import strata
    >>> item = strata.load_items("capital", per_family=2)[0]
    >>> item.id, item.prompt, item.answer
    ('capital:germany:plain', 'The capital of Germany is', ' Berlin')
    """
    if isinstance(source, Path) or (isinstance(source, str) and is_file_name(source)):
        return read_items(source)
    names = (source,) if isinstance(source, str) else tuple(source)
    if not names:
        raise StrataError("No item family was named", "Give names such as 'capital', or an item file")
    return build_items(
        chosen(names),
        seed=seed,
        per_family=per_family,
        difficulty=difficulty,
        token_length=None if checkpoint is None else token_length(checkpoint),
    )


def is_file_name(source: str) -> bool:
    """Families have names without dots and slashes."""
    return Path(source).is_file() or os.sep in source or "." in source
