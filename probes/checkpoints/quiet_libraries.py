"""Other libraries' loaders without their bars, advice and many-line errors."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from typing import TypeVar

Loaded = TypeVar("Loaded")


def quietly(load: Callable[[], Loaded]) -> Loaded:
    """Loads without transformers' and PEFT's own bars and advice on the terminal; errors still rise."""
    from transformers.utils import logging as hf_logging

    level, bars = hf_logging.get_verbosity(), hf_logging.is_progress_bar_enabled()
    hf_logging.set_verbosity(logging.CRITICAL)
    hf_logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return load()
    finally:
        hf_logging.set_verbosity(level)
        if bars:
            hf_logging.enable_progress_bar()


def first_line(error: BaseException) -> str:
    """What an error says, in one line of at most 200 characters."""
    text = str(error).strip()
    return text.splitlines()[0][:200] if text else type(error).__name__
