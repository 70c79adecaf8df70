"""What did the person mean by CHECKPOINT? Parsed before anything is loaded or fetched."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from strata.probes.checkpoints.short_names import KNOWN
from strata.probes.errors import StrataError

EMBEDDED = "smollm2"
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")

Source = Literal["embedded", "directory", "gguf", "hub"]


@dataclass(frozen=True)
class Spec:
    text: str
    """As the person wrote it."""
    base: str
    """`smollm2`, a directory, a `.gguf` file or a hub id, without revision and adapters."""
    source: Source
    """Where the base comes from."""
    revision: str | None = None
    """Branch, tag or commit of a hub id."""
    adapters: tuple[str, ...] = ()
    """Shipped names (`think`, `plain`), PEFT directories or hub ids, applied in this order."""


def parse_spec(text: str) -> Spec:
    """Reads `smollm2`, a known name, `org/name[@revision]`, a directory or a `.gguf` file, each with `+ADAPTER`s.

    A path that exists is taken whole, whatever signs it holds; `smollm2` is always the embedded model (a directory of
    that name is `./smollm2`). Raises StrataError when it is none of these.
    """
    if not text.strip():
        raise StrataError("CHECKPOINT is empty", "Give smollm2, a hub id, a directory or a .gguf file")
    parts = text.split("+")
    # The longest beginning that exists is the base, so that a '+' in a directory's own name does no harm.
    count = next((n for n in range(len(parts), 0, -1) if _exists("+".join(parts[:n]))), 1)
    base, adapters = "+".join(parts[:count]), parts[count:]
    if any(not adapter for adapter in adapters) or not base:
        raise StrataError(f"{text!r} has an empty part around '+'", "Write BASE+ADAPTER")
    if base == EMBEDDED:
        return Spec(text, base, "embedded", adapters=tuple(adapters))
    if _exists(base):
        return Spec(text, base, _source_of_path(base), adapters=tuple(adapters))
    base, _, revision = KNOWN.get(base.lower(), base).partition("@")
    if base.endswith(".gguf") or base.startswith((".", "/", "~")) or base.count("/") > 1:
        raise StrataError(f"There is no file or directory {base!r}", "Check the path")
    if not _HUB_ID.fullmatch(base):
        raise StrataError(
            f"{text!r} is neither {EMBEDDED}, a path that exists, nor a hub id such as org/name@revision",
            "Check the spelling",
        )
    if "/" not in base:
        near = get_close_matches(base.lower(), [EMBEDDED, *KNOWN], 1)
        raise StrataError(
            f"There is no checkpoint {base!r} here",
            f"Did you mean {near[0]}?"
            if near
            else f"Give {EMBEDDED}, an existing directory or .gguf file, org/name, or one of: {', '.join(sorted(KNOWN))}",
        )
    return Spec(text, base, "hub", revision or None, tuple(adapters))


def _exists(path: str) -> bool:
    try:
        return bool(path) and Path(path).exists()
    except OSError:  # a name that is too long, or a directory that may not be looked into
        return False


def _source_of_path(path: str) -> Source:
    if Path(path).is_dir():
        return "directory"
    if path.endswith(".gguf"):
        return "gguf"
    raise StrataError(
        f"{path} is a file, but not a .gguf one",
        "Give the model's directory (config.json, *.safetensors) or a .gguf file",
    )
