"""How does one request travel to NDIF: how large may it be, how often is it sent, what does a person hear when it fails?"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from strata.probes.backends.nnsight_library import nnsight_library
from strata.probes.checkpoints.quiet_libraries import first_line
from strata.probes.errors import NotFetchedError, StrataError

MOST_TOKENS = 4096
"""That one request runs, padding included, unless a single row is longer."""
MOST_BYTES = 1 << 26
"""That one request brings back, unless a single value is larger."""
_TRIES = 4
_FIRST_PAUSE = 1.0
"""Seconds before the second try; each further one waits twice as long."""
_NETWORK = ("websocket", "httpx", "httpx2", "httpcore", "urllib3", "requests")
"""Packages that requests travel through, whose errors are no systems' errors."""
_Answer = TypeVar("_Answer")


def require_key() -> None:
    """Raises StrataError where NDIF's own server would be asked without a key."""
    api = nnsight_library().CONFIG.API
    if not api.APIKEY and api.HOST == type(api)().HOST:
        raise StrataError(
            "NDIF runs models for who has a key, and none is set here",
            "Set NDIF_API_KEY (https://login.ndif.us gives one), or leave --remote out",
        )


def pieces(n: int, most: int) -> Iterator[slice]:
    """0 to `n` in consecutive parts of at most `most`, and at least 1."""
    step = max(1, most)
    return (slice(low, min(low + step, n)) for low in range(0, n, step))


def sent(model: str, send: Callable[[], _Answer]) -> _Answer:
    """What `send` brings back; tried again while the network is to blame. `model`: what a person calls it.

    Raises NotFetchedError where the server can't be reached, StrataError for what it refuses.
    """
    for pause in (_FIRST_PAUSE * 2**number for number in range(_TRIES - 1)):
        try:
            return send()
        except Exception as error:
            if not _is_passing(error):
                raise _refused(model, error) from error
            time.sleep(pause)
    try:
        return send()
    except Exception as error:
        raise _refused(model, error) from error


def _is_passing(error: BaseException) -> bool:
    """Whether the network failed, so that the same request may get through a moment later."""
    cause = error.__cause__
    return _of_network(error) or (
        cause is not None and _of_network(cause) and type(cause).__name__ != "HTTPStatusError"
    )


def _of_network(error: BaseException) -> bool:
    packages = {kind.__module__.partition(".")[0] for kind in type(error).__mro__}
    return isinstance(error, ConnectionError | TimeoutError | OSError) or not packages.isdisjoint(_NETWORK)


def _refused(model: str, error: BaseException) -> StrataError:
    if isinstance(error, StrataError):
        return error
    if _is_passing(error):
        return NotFetchedError(
            f"NDIF can't be reached to run {model} ({first_line(error)})",
            "Check the network and start the same command again: it goes on where it was",
        )
    return StrataError(
        f"NDIF did not run {model} ({type(error).__name__}: {first_line(error)})",
        "https://nnsight.net/status lists the models it serves; leave --remote out to run one here",
    )
