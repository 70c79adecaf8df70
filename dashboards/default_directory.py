"""Where does a run go when nobody says? To `runs/`, under its models' names and its seed."""

from __future__ import annotations

from pathlib import Path

from strata.experiments.run.directory_name import slug


def default_directory(*parts: object) -> Path:
    """`runs/PART-PART`, with signs that file systems or shells trip over replaced."""
    return Path("runs") / slug("-".join(map(str, parts)))
