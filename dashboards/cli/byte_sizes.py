"""How is a number of bytes written for a person?"""

from __future__ import annotations


def size_text(n_bytes: float) -> str:
    """In units of a thousand: 980 B, 1.5 MB, 282.2 GB."""
    for unit in ("B", "kB", "MB", "GB"):
        if n_bytes < 1000:
            return f"{n_bytes:.0f} {unit}" if unit == "B" else f"{n_bytes:.1f} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.1f} TB"
