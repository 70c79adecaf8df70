"""Does a sweep on a Ray cluster that loses a worker, or whose driver is killed, end with the numbers of one that ran alone, one run after the other?"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from campaign.resumable import files_of
from campaign.trial import Outcome, Result, Trial

SECONDS = 900
DOSES, SEEDS = "[0, 0.2, 0.4, 0.6, 0.8, 1]", "[0, 1]"
"""Twelve runs."""
OPTIONS = """
families = []
causal_map = "quick"
pairs = 4
draws = 100
random_init = false
lens_maps = 1
folds = 2
damage_texts = 2
positions = ["last"]
"""
_STRATA = "import sys; from strata.dashboards.cli import main; sys.exit(main())"


def lost_workers(room: Path) -> Iterator[Result]:
    """Of tiny models; the checkpoint and the items of `foreign_inputs` have to be in `room`."""
    from strata.probes.checkpoints.open_spec import open_checkpoint

    own = room / "of ray"
    own.mkdir()
    other = own / "other"
    shutil.copytree(room / "base", other)
    _changed(other)
    open_checkpoint(f"{room / 'base'}~0.5~{other}")
    file = own / "sweep.toml"
    file.write_text(
        f'seeds = {SEEDS}\nitems = ["{room / "items" / "items.jsonl"}"]\n[dose]\nbase = "{room / "base"}"\n'
        f'distilled = "{other}"\ndoses = {DOSES}\n[options]{OPTIONS}'
    )
    alone = own / "alone"
    words = ("sweep", str(file), "--cpus", "1", "--display", "none")
    result = _ended(_begun(Trial("sweep", "alone", (*words, "--engine", "sequential", "--out", str(alone)))))
    yield result
    whole = files_of(alone)
    on_ray = (*words, "--engine", "ray", "--workers", "2")
    for name, disturb in (("a worker is killed", _kill_a_worker), ("the driver is killed", _kill_the_driver)):
        out = own / name.replace(" ", "-")
        trial = Trial("sweep, on two workers", name, (*on_ray, "--out", str(out)))
        yield _compared(trial, disturb, out, whole)


def _compared(
    trial: Trial, disturb: Callable[[subprocess.Popen[bytes], Path], None], out: Path, whole: object
) -> Result:
    running = _begun(trial)
    disturb(running[1], out)
    result = _ended(running)
    if result.code != 0:  # as after a power cut: the same command once more
        result = _ended(_begun(trial))
    if result.code != 0:
        return Result(trial, Outcome.WRONG, result.code, result.seconds, result.said)
    now = files_of(out)
    assert isinstance(whole, dict)
    differ = sorted(name for name in {*now, *whole} if now.get(name) != whole.get(name))
    outcome = Outcome.WRONG if differ else Outcome.RESUMED
    return Result(trial, outcome, 0, result.seconds, f"{differ} differ" if differ else "")


def _kill_a_worker(driver: subprocess.Popen[bytes], out: Path) -> None:
    """In the middle of its run, once two runs are done."""
    _when(driver, lambda: _done(out) >= 2 and bool(_workers(driver.pid)))
    os.kill(_workers(driver.pid)[0], signal.SIGKILL)


def _kill_the_driver(driver: subprocess.Popen[bytes], out: Path) -> None:
    _when(driver, lambda: _done(out) >= 2)
    driver.kill()
    driver.wait()


def _when(driver: subprocess.Popen[bytes], holds: Callable[[], bool]) -> None:
    limit = time.monotonic() + SECONDS
    while not holds() and time.monotonic() < limit and driver.poll() is None:
        time.sleep(0.05)


def _done(out: Path) -> int:
    return sum(1 for _ in out.glob("runs/*/report.html"))


def _workers(driver: int) -> list[int]:
    """Processes in which Ray makes a run for this driver."""
    found = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            command = (process / "cmdline").read_bytes()
            if b"ray::_made_there" in command and driver in _parents(int(process.name)):
                found.append(int(process.name))
        except OSError:
            continue
    return sorted(found)


def _parents(process: int) -> list[int]:
    found = []
    while process > 1:
        stat = (Path("/proc") / str(process) / "stat").read_text()
        process = int(stat.rpartition(")")[2].split()[1])
        found.append(process)
    return found


def _begun(trial: Trial) -> tuple[Trial, subprocess.Popen[bytes], float]:
    command = [sys.executable, "-c", _STRATA, *trial.argv]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment)
    return trial, process, time.monotonic()


def _ended(begun: tuple[Trial, subprocess.Popen[bytes], float]) -> Result:
    trial, process, at = begun
    said = process.communicate(timeout=SECONDS)[1].decode("utf-8", "replace")
    outcome = Outcome.WENT_THROUGH if process.returncode == 0 else Outcome.WRONG
    return Result(trial, outcome, process.returncode, time.monotonic() - at, said[-3000:])


def _changed(directory: Path) -> None:
    """Other weights of the same shape."""
    import torch
    from safetensors.torch import load_file, save_file

    file = directory / "model.safetensors"
    torch.manual_seed(5)
    state = {name: weight + 0.1 * torch.randn_like(weight) for name, weight in load_file(file).items()}
    save_file(state, file, metadata={"format": "pt"})
