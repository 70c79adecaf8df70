"""What is said of a program of somebody else's that didn't come to its end: time, memory, a crash, or what it raised?"""

from __future__ import annotations

import pytest

from strata.probes.checkpoints import sandbox
from strata.probes.checkpoints.sandbox import SandboxError, in_sandbox

_SIGNAL = "import os, signal\nos.kill(os.getpid(), signal.{})"


def test_what_ends_answers() -> None:
    assert in_sandbox("answer = given['a'] + 1", {"a": 1}) == 2


@pytest.mark.parametrize(
    ("program", "ending", "said"),
    [
        ("bytearray(1 << 40)", "memory", "2 GB"),
        ("import sys\nprint('memory allocation of 9 bytes failed', file=sys.stderr, flush=True)\n" + _SIGNAL.format("SIGABRT"), "memory", "2 GB"),
        # As the system ends a process where the machine's memory runs out.
        (_SIGNAL.format("SIGKILL"), "memory", "2 GB"),
        (_SIGNAL.format("SIGSEGV"), "crash", "signal 11"),
        (_SIGNAL.format("SIGABRT"), "crash", "signal 6"),
        ("raise ValueError('no\\nsuch  thing')", "failed", "such thing"),
        ("import os\nos._exit(3)", "failed", "it fails"),
        ("answer = 'a' * (2 << 20)", "memory", "2,097,154 bytes"),
    ],
)  # fmt: skip
def test_how_it_ended_is_told_apart(program: str, ending: str, said: str) -> None:
    with pytest.raises(SandboxError) as caught:
        in_sandbox(program, {})
    assert caught.value.ending == ending and said in caught.value.reason


def test_what_has_no_end_is_a_matter_of_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SandboxError) as caught:
        in_sandbox(_SIGNAL.format("SIGXCPU"), {})
    assert caught.value.ending == "time" and "5 s" in caught.value.reason
    monkeypatch.setattr(sandbox, "_WALL_SECONDS", 0.2)
    with pytest.raises(SandboxError) as caught:
        in_sandbox("import time\ntime.sleep(60)", {})
    assert caught.value.ending == "time"
