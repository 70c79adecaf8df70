"""Is an exception that means a lack of memory told from others, whoever raised it?"""

from __future__ import annotations

import pytest
import torch

from strata.probes.errors import is_out_of_memory

NO_SEGMENT = "libfreetype.so.6: failed to map segment from shared object"


def caused_by(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"),
        ImportError(NO_SEGMENT),
        ImportError("libtorch.so: Cannot allocate memory in static TLS block"),
        caused_by(RuntimeError("Failed to import a module because of the following error"), ImportError(NO_SEGMENT)),
    ],
)
def test_it_is(error: BaseException) -> None:
    assert is_out_of_memory(error)


@pytest.mark.parametrize(
    "error",
    [RuntimeError("shapes differ"), ImportError("No module named 'ray'"), OSError(28, "No space left on device")],
)
def test_it_is_not(error: BaseException) -> None:
    assert not is_out_of_memory(error)
