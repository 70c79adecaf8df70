"""Is everything there that a command names? Looked at before a model is loaded, which takes minutes where it is large."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path


def refuse_what_is_missing(
    specs: Iterable[str | None], *, items: str | None = None, families: Sequence[str] = (), text: str | None = None
) -> None:
    """Raises StrataError for the first checkpoint, adapter, item file, family or text that isn't there or can't be read.

    Without an item file `families` are what is asked; what has to be fetched first is not looked for.
    """
    from strata.experiments.items.builtin import chosen
    from strata.experiments.items.jsonl import read_items
    from strata.experiments.lens.named_lenses import text_sha256

    for spec in specs:
        if spec is not None:
            _refuse_missing_checkpoint(spec)
    if items is None:
        chosen(families)
    else:
        read_items(items)
    text_sha256(text)


def _refuse_missing_checkpoint(spec: str) -> None:
    from strata.probes.checkpoints.peft_adapter import adapter_settings
    from strata.probes.checkpoints.spec import parse_dose, parse_spec
    from strata.probes.checkpoints.weight_files import weight_files

    dose = parse_dose(spec)
    if dose is not None:
        for end in (dose.base, dose.distilled):
            _refuse_missing_checkpoint(end)
        return
    parsed = parse_spec(spec)
    if parsed.source == "directory":
        weight_files(Path(parsed.base))
    for adapter in parsed.adapters:
        fetched = "/" in adapter and not adapter.startswith((".", "/", "~")) and not Path(adapter).exists()
        if not fetched:
            adapter_settings(adapter)
