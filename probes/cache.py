"""Where Strata keeps what it can make again: one directory per user, moved by STRATA_CACHE."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_dir


def cache_directory() -> Path:
    """`$STRATA_CACHE`, else the platform's cache directory for `strata`; made when missing."""
    directory = Path(os.environ.get("STRATA_CACHE") or user_cache_dir("strata"))
    directory.mkdir(parents=True, exist_ok=True)
    return directory
