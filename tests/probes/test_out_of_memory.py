"""Is an exception that means a lack of memory told from others, whoever raised it?"""

from __future__ import annotations

import errno

import pytest
import torch

from strata.probes import errors
from strata.probes.errors import is_out_of_memory

NO_SEGMENT = ImportError("libfreetype.so.6: failed to map segment from shared object")


def caused_by(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        caused_by(ValueError("it can't be opened"), MemoryError()),
    ],
)
def test_it_is(error: BaseException) -> None:
    assert is_out_of_memory(error)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("shapes differ"),
        ImportError("No module named 'ray'"),
        ImportError("libgomp.so: cannot allocate memory in static TLS block"),
        OSError(errno.ENOSPC, "No space left on device"),
    ],
)
def test_it_is_not(error: BaseException) -> None:
    assert not is_out_of_memory(error)


@pytest.mark.parametrize("room", [True, False])
def test_a_library_that_cannot_be_mapped_lacks_memory_only_where_there_is_none(
    room: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk from which nothing may be run says the same."""
    monkeypatch.setattr(errors, "_has_room", lambda: room)
    assert is_out_of_memory(caused_by(RuntimeError("Failed to import a module"), NO_SEGMENT)) is not room


def test_causes_that_lead_round_in_a_circle_come_to_an_end() -> None:
    first = ValueError("first")
    assert not is_out_of_memory(caused_by(first, caused_by(ValueError("second"), first)))
