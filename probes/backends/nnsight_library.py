"""nnsight, met at its first use with its own words on the terminal switched off."""

from __future__ import annotations

import sys
from typing import Any


def nnsight_library() -> Any:
    """The module. It turns its debug mode on for a `-v` anywhere on the command line, and shows bars of its own for remote runs."""
    command, sys.argv = sys.argv, sys.argv[:1]
    try:
        import nnsight
    finally:
        sys.argv = command
    nnsight.CONFIG.APP.REMOTE_LOGGING = False
    return nnsight
