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


def cache_folder(kind: str) -> Path:
    """A folder of the cache; whatever else lies in its place goes, since all that stands there can be made again.

    Raises StrataError where it can't be made, DoesNotFitError where the disk is full.
    """
    folder = cache_directory() / kind
    try:
        if not folder.is_dir():
            folder.unlink(missing_ok=True)
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise of_system(
            f"{folder} can't be made", error, "Delete it, or set STRATA_CACHE to another directory"
        ) from error
    return folder
