"""Other libraries' loaders without their bars, advice and many-line errors: whatever they raise on a foreign file is one sentence."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

from strata.probes.errors import DoesNotFitError, StrataError, is_disk_full, is_out_of_memory

Loaded = TypeVar("Loaded")


def quietly(load: Callable[[], Loaded]) -> Loaded:
    """Loads without transformers' and PEFT's own bars and advice on the terminal; errors still rise."""
    from transformers.utils import logging as hf_logging

    level, bars = hf_logging.get_verbosity(), hf_logging.is_progress_bar_enabled()
    # Setting a level makes logging forget what it knows of thousands of loggers: not again for every text of many.
    loud = level < logging.CRITICAL
    if loud:
        hf_logging.set_verbosity(logging.CRITICAL)
    if bars:
        hf_logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return load()
    finally:
        if loud:
            hf_logging.set_verbosity(level)
        if bars:
            hf_logging.enable_progress_bar()


@contextmanager
def without_native_words() -> Iterator[None]:
    """Nothing that parts in Rust or C write past Python reaches the terminal: the tokenizers library repeats keys of files there.

    For the whole process, so only around what takes a moment.
    """
    kept: dict[int, int] = {}
    try:
        with suppress(OSError):  # a stream that is closed says nothing anyway
            nowhere = os.open(os.devnull, os.O_WRONLY)
            try:
                for number, stream in ((1, sys.stdout), (2, sys.stderr)):
                    with suppress(OSError, ValueError, AttributeError):
                        stream.flush()
                        kept[number] = os.dup(number)
                        os.dup2(nowhere, number)
            finally:
                os.close(nowhere)
        yield
    finally:
        for number, before in kept.items():
            os.dup2(before, number)
            os.close(before)


def guarded(load: Callable[[], Loaded], what: str, remedy: str) -> Loaded:
    """`load` quietly; what transformers, tokenizers, PEFT or code of a checkpoint raise becomes `what` with its cause, and `remedy`.

    What they raise on damaged files is of every kind: recursion, bare exceptions, the panics of their parts in Rust.
    Raises StrataError, DoesNotFitError where memory ran out.
    """
    try:
        return quietly(load)
    except (StrataError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # a panic in Rust is no Exception
        if is_out_of_memory(error):
            raise DoesNotFitError(f"{what}: memory ran out", "Try --dtype bfloat16 or --device-map auto") from error
        if is_disk_full(error):
            raise DoesNotFitError(f"{what}: the disk is full", "Free some space and start again") from error
        raise StrataError(f"{what} ({first_line(error)})", remedy) from error


def first_line(error: BaseException) -> str:
    """What an error says, in one line of at most 200 characters: torch begins with a heading, pydantic and others with a count."""
    lines = [" ".join(line.split()) for line in str(error)[:10_000].splitlines() if line.strip()]
    text = next((line for line in lines if not line.endswith(":")), lines[0] if lines else "")
    return text[:200] if text and text != "None" else type(error).__name__
