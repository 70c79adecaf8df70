"""Where Strata keeps what it can make again: one directory per user, moved by STRATA_CACHE."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_dir

from strata.probes.errors import of_system


def cache_directory() -> Path:
    """`$STRATA_CACHE`, else the platform's cache directory for `strata`; made when missing.

    Raises StrataError where it can't be made.
    """
    directory = Path(os.environ.get("STRATA_CACHE") or user_cache_dir("strata"))
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise of_system(
            f"The cache directory {directory} can't be made",
            error,
            "Set STRATA_CACHE to a directory that can be written",
        ) from error
    return directory
