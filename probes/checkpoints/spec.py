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
_DOSE_SIGN = "~"
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


@dataclass(frozen=True)
class Dose:
    """Weights on the straight line between those of two checkpoints of one shape."""

    text: str
    """As the person wrote it."""
    base: str
    """What 0 is: a checkpoint as `parse_spec` reads it."""
    share: float
    """Of the way from `base` to `distilled`, 0 to 1."""
    distilled: str
    """What 1 is."""


def parse_dose(text: str) -> Dose | None:
    """Reads `BASE~0.25~DISTILLED`; None for any other text, also for a path that exists. The ends are read by `parse_spec`.

    Raises StrataError for a share that is no number from 0 to 1, and for an end that is missing.
    """
    parts = text.split(_DOSE_SIGN)
    if len(parts) < 3 or _exists(text):
        return None
    shares = [at for at in range(1, len(parts) - 1) if _number(parts[at]) is not None]
    if not shares and len(parts) > 3:  # a path with such signs in it, or none that is there
        return None
    if len(shares) > 1:
        raise StrataError(
            f"{text!r} holds {len(shares)} doses", "Write one: BASE~0.25~DISTILLED, a mixture of two checkpoints"
        )
    at = shares[0] if shares else 1
    share = _number(parts[at])
    if share is None or not 0 <= share <= 1:
        raise StrataError(
            f"The dose {parts[at]!r} in {text!r} is no number from 0 to 1",
            "Write BASE~0.25~DISTILLED: 0 is BASE, 1 is DISTILLED",
        )
    base, distilled = _DOSE_SIGN.join(parts[:at]), _DOSE_SIGN.join(parts[at + 1 :])
    if not base.strip() or not distilled.strip():
        raise StrataError(f"{text!r} names one checkpoint beside its dose", "Write BASE~0.25~DISTILLED")
    return Dose(text, base, share, distilled)


def parse_spec(text: str) -> Spec:
    """Reads `smollm2`, a known name, `org/name[@revision]`, a directory or a `.gguf` file, each with `+ADAPTER`s.

    A path that exists is taken whole, whatever signs it holds; `smollm2` is always the embedded model (a directory of
    that name is `./smollm2`). Raises StrataError when it is none of these; a mixture of two is read by `parse_dose`.
    """
    if not text.strip():
        raise StrataError("CHECKPOINT is empty", "Give smollm2, a hub id, a directory or a .gguf file")
    if parse_dose(text) is not None:
        raise StrataError(
            f"{text!r} lies between two checkpoints, and the files of one are asked for here",
            "Give one of its ends, or a mixture that was saved to a directory",
        )
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


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


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
