"""The one family of errors Strata raises on purpose: what is wrong, where, and the remedy."""

from __future__ import annotations

import errno
import mmap
import sys
from typing import Any


class StrataError(Exception):
    """Something the person can mend. Shown once, at the edge, as one sentence; exit code 2.

    `what` names the file, line, option or model; `remedy` says what to do about it.

    >>> import strata
    >>> try:
    ...     strata.capture("smollm2", ["", "Paris is"])
    ... except strata.StrataError as error:
    ...     print(error)
    Text 0 is empty. Leave it out, or fill it in.
    """

    exit_code = 2

    def __init__(self, what: str, remedy: str = "") -> None:
        self.what = what.rstrip(" .")
        self.remedy = remedy.rstrip(" .")
        super().__init__(" ".join(_ended(part) for part in (self.what, self.remedy) if part))

    def __reduce__(self) -> tuple[Any, ...]:
        # Members of the family are made from different parts: what was made of them travels, not the parts.
        return _remade, (type(self), self.args), self.__dict__


def _remade(kind: type[StrataError], args: tuple[Any, ...]) -> StrataError:
    return kind.__new__(kind, *args)


def _ended(sentence: str) -> str:
    return sentence if sentence.endswith(("?", "!")) else f"{sentence}."


class NotSupportedError(StrataError):
    """An architecture whose streams and contributions Strata can't read rightly: nothing is measured."""

    def __init__(self, architecture: str, because: str, remedy: str = "") -> None:
        self.architecture, self.because = architecture, because
        known = (
            "Strata reads decoder-only transformers such as Llama, Qwen, Mistral, Gemma, Phi, OLMo, GPT-2 and GPT-NeoX"
        )
        super().__init__(f"{architecture} is not supported, because {because}", remedy or known)


class NotFetchedError(StrataError):
    """The hub did not give what it may give another time: no network, a server that fails, a download that broke off."""


class DoesNotFitError(StrataError):
    """Memory or disk is too small for what was asked; exit code 3."""

    exit_code = 3


class SelfTestError(StrataError):
    """An identity that must hold on every model failed; results would be wrong."""

    exit_code = 1


class DamagedError(StrataError):
    """A file of a run isn't what the run wrote: nothing may be made of it."""


STOPPING = (DoesNotFitError, SelfTestError, DamagedError)
"""What stops a run, also where a measure that can't be made of a model is excluded with its reason."""


def is_disk_full(error: BaseException) -> bool:
    """Whether an exception says that a disk is full, or that the person's share of it is."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    # safetensors, Arrow and huggingface_hub wrap the system's error in their own and keep only its text.
    return any(words in str(error) for words in ("No space left on device", "Disk quota exceeded"))


def of_system(what: str, error: OSError, remedy: str) -> StrataError:
    """`what` failed for the reason that the operating system gives; a full disk has a remedy and an exit code of its own."""
    if is_disk_full(error):
        return DoesNotFitError(f"{what}: the disk is full", "Free some space and start again: finished parts are kept")
    return StrataError(f"{what} ({error.strerror or error})", remedy)


_NO_MEMORY_IN_TORCH = ("can't allocate memory", "out of memory")
_NO_MEMORY_FOR_A_LIBRARY = ("failed to map segment from shared object", "cannot map zero-fill pages")
"""What the dynamic linker says; of a disk from which no program may be run, too."""
_ROOM_FOR_A_LIBRARY = 64 << 20


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception, or what caused it, says that host or device memory ran out."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        if _says_no_memory(cause):
            return True
        seen.add(id(cause))
        cause = cause.__cause__
    return False


def _says_no_memory(error: BaseException) -> bool:
    # torch itself may be what found no memory to be loaded.
    torch = sys.modules.get("torch")
    if isinstance(error, MemoryError) or (torch is not None and isinstance(error, torch.OutOfMemoryError)):
        return True
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return True
    # On a CPU, and from some kernels, torch raises a bare RuntimeError.
    if isinstance(error, RuntimeError):
        return any(words in str(error) for words in _NO_MEMORY_IN_TORCH)
    of_linker = isinstance(error, ImportError | OSError) and any(
        said in str(error) for said in _NO_MEMORY_FOR_A_LIBRARY
    )
    return of_linker and not _has_room()


def _has_room() -> bool:
    try:
        mmap.mmap(-1, _ROOM_FOR_A_LIBRARY).close()
    except OSError:
        return False
    return True
