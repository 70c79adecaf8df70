"""What has to be said of an adapter that was merged: does it name another base, does it bring a tokenizer of its own?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from strata.probes.checkpoints.checkpoint_caveats import CheckpointCaveat
from strata.probes.checkpoints.embedded import NAMES as EMBEDDED_NAMES
from strata.probes.checkpoints.peft_adapter import adapter_files, named_base, recorded_base
from strata.probes.checkpoints.refusals import read_object
from strata.probes.checkpoints.short_names import KNOWN
from strata.probes.checkpoints.spec import Spec
from strata.probes.checkpoints.tensor_names import canonical_name, is_embedding, is_unembedding
from strata.probes.checkpoints.tokenizer_difference import TemplateDifference, tokenizer_difference
from strata.probes.checkpoints.trusted_tokenizer import open_tokenizer
from strata.probes.checkpoints.weight_files import weight_files
from strata.probes.errors import StrataError

_TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json")
_TEMPLATE = "chat_template.jinja"


def adapter_caveats(
    adapter: str, parsed: Spec, directory: Path | None, tokenizer: Any, weights_sha256: Callable[[Path], str] | None
) -> tuple[CheckpointCaveat, ...]:
    """What there is to say of `adapter` on the base of `parsed`, which lies in `directory` (None: a file) with `tokenizer`.

    `weights_sha256` hashes a directory's weights; without it bases are compared by name and size only.
    """
    return (
        *_of_base(adapter, parsed, directory, weights_sha256),
        *(_of_copies(adapter, parsed, directory) if directory is not None and weights_sha256 is not None else ()),
        *_of_tokenizer(adapter, tokenizer),
    )


def _of_base(
    adapter: str, parsed: Spec, directory: Path | None, weights_sha256: Callable[[Path], str] | None
) -> Iterator[CheckpointCaveat]:
    named = named_base(adapter)
    # What Strata trained itself is held against the base's very weights elsewhere.
    if named is None or recorded_base(adapter_files(adapter)[0]) is not None:
        return
    there = Path(named)
    if there.is_dir() and directory is not None:
        if there.resolve() == directory.resolve() or _same_weights(there, directory, weights_sha256):
            return
    elif _short(named) in {_short(name) for name in _names(parsed, directory)}:
        return
    yield CheckpointCaveat("adapter-of-other-base", adapter=adapter, named=named, base=parsed.base)


def _same_weights(there: Path, here: Path, weights_sha256: Callable[[Path], str] | None) -> bool:
    try:
        sizes = [sum(file.stat().st_size for file in weight_files(directory).files) for directory in (there, here)]
        # Headers may differ in length where the numbers are the same.
        near = abs(sizes[0] - sizes[1]) <= 0.01 * max(sizes)
        return near and (weights_sha256 is None or weights_sha256(there) == weights_sha256(here))
    except (StrataError, OSError):
        return False


def _of_copies(adapter: str, parsed: Spec, directory: Path) -> Iterator[CheckpointCaveat]:
    """PEFT stores an embedding that it adapts, and puts its own copy in the place of the base's."""
    files = weight_files(directory).files
    with safe_open(str(adapter_files(adapter)[1]), framework="pt") as copies:
        for name in copies.keys():  # noqa: SIM118  # a safetensors file is no mapping
            whose = canonical_name(name).replace(".base_layer.", ".")
            if ".base_layer." not in name:
                continue
            own = _stored(files, whose)
            if own is not None and not _equal_in_storage(own, copies.get_tensor(name)):
                yield CheckpointCaveat("adapter-of-other-weights", adapter=adapter, tensor=whose, base=parsed.base)


def _stored(files: Iterable[Path], name: str) -> torch.Tensor | None:
    """A weight by its canonical name; in a tied model one matrix goes by either name."""
    tied: torch.Tensor | None = None
    for file in files:
        with safe_open(str(file), framework="pt") as weights:
            for stored in weights.keys():  # noqa: SIM118
                canonical = canonical_name(stored)
                if canonical == name:
                    weight: torch.Tensor = weights.get_tensor(stored)
                    return weight
                if is_unembedding(name) and is_embedding(canonical):
                    tied = weights.get_tensor(stored)
    return tied


def _equal_in_storage(first: torch.Tensor, second: torch.Tensor) -> bool:
    """Whether two tensors are the same numbers, up to the coarser of their precisions."""
    if first.shape != second.shape:
        return False
    coarser = min((first.dtype, second.dtype), key=lambda dtype: (torch.finfo(dtype).bits, -torch.finfo(dtype).eps))
    return torch.equal(first.to(coarser), second.to(coarser))


def _names(parsed: Spec, directory: Path | None) -> Iterator[str]:
    """Under which names the base may be known."""
    yield parsed.base
    if parsed.source == "embedded":
        yield from EMBEDDED_NAMES
    yield from (hub_id for name, hub_id in KNOWN.items() if name in (parsed.base.lower(), _short(parsed.base)))
    if directory is None:
        return
    yield str(directory.resolve())
    # The hub's cache keeps models--org--name/snapshots/commit.
    yield from (part.rpartition("--")[2] for part in directory.resolve().parts if part.startswith("models--"))
    try:
        own = read_object(directory / "config.json").get("_name_or_path")
    except StrataError:
        return
    if isinstance(own, str) and own:
        yield own


def _short(name: str) -> str:
    """The last part of a path or hub id, without revision and spelling."""
    last = name.rstrip("/\\").replace("\\", "/").rpartition("/")[2].partition("@")[0]
    return last.removesuffix(".gguf").lower().replace("_", "-").replace(" ", "-")


def _of_tokenizer(adapter: str, tokenizer: Any) -> Iterator[CheckpointCaveat]:
    directory, _ = adapter_files(adapter)
    template = directory / _TEMPLATE
    if not any((directory / name).exists() for name in _TOKENIZER_FILES):
        if template.exists() and template.read_text(encoding="utf-8", errors="replace") != tokenizer.chat_template:
            yield CheckpointCaveat("adapter-template-unused", adapter=adapter)
        return
    try:
        own = open_tokenizer(directory).tokenizer
    except StrataError:
        yield CheckpointCaveat("adapter-tokenizer-unreadable", adapter=adapter)
        return
    difference = tokenizer_difference(tokenizer, own)
    # Whether an EOS ends a text, which special token has which role and a template that only the base has change no prompt.
    if (
        (difference.only_a or difference.only_b or not difference.same_ids)
        or difference.bos[0] != difference.bos[1]
        or difference.template in (TemplateDifference.DIFFERS, TemplateDifference.ONLY_B)
    ):
        yield CheckpointCaveat(
            "adapter-tokenizer-unused", adapter=adapter, tokenizer=difference, new_tokens=_new_tokens(tokenizer, own)
        )


def _new_tokens(tokenizer: Any, own: Any) -> tuple[str, ...]:
    ours = tokenizer.get_vocab()
    new = sorted((id, token) for token, id in own.get_vocab().items() if token not in ours)
    return tuple(token for _, token in new[:3])
