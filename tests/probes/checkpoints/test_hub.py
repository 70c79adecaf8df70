"""A hub id that can't be had gets one sentence with the reason and the remedy."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants, errors
from saved import save_directory

from strata.probes.checkpoints.open_spec import open_checkpoint
from strata.probes.errors import DoesNotFitError, StrataError

HTTP = import_module(errors.HTTPError.__module__.partition(".")[0])
"""The library that the hub speaks through."""


def response(status: int) -> Any:
    return HTTP.Response(status, request=HTTP.Request("GET", "https://hub.invalid/org/name"))


def test_offline_a_model_that_is_not_cached_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(StrataError, match="org/name@main is not in the local cache and offline mode is on") as caught:
        open_checkpoint("org/name@main")
    assert "local directory" in caught.value.remedy
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (errors.RepositoryNotFoundError("404", response=response(404)), "no model org/name@v1 on the hub"),
        (errors.GatedRepoError("403", response=response(403)), "gated"),
        (errors.RevisionNotFoundError("404", response=response(404)), "no revision 'v1'"),
        (errors.LocalEntryNotFoundError("no"), "can't be reached"),
        (errors.HfHubHTTPError("500", response=response(500)), "could not be downloaded"),
        (HTTP.ConnectError("refused"), "could not be downloaded"),
        (errors.HFValidationError("bad"), "not a valid hub id"),
        (PermissionError("cache is read-only"), "could not be downloaded"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_every_failure_of_the_hub_has_its_sentence(
    monkeypatch: pytest.MonkeyPatch, failure: Exception, reason: str
) -> None:
    def fail(*args: Any, **options: Any) -> str:
        raise failure

    monkeypatch.setattr("huggingface_hub.snapshot_download", fail)
    with pytest.raises(StrataError, match=reason) as caught:
        open_checkpoint("org/name@v1")
    assert caught.value.remedy
    assert "\n" not in str(caught.value)


def test_a_full_disk_is_no_network_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **options: Any) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("huggingface_hub.snapshot_download", fail)
    with pytest.raises(DoesNotFitError, match="disk is full"):
        open_checkpoint("org/name")


def test_a_hub_model_opens_at_its_commit_and_never_asks_for_pickles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    save_directory(tmp_path / commit)
    asked: list[Any] = []

    def snapshot(name: str, *, revision: str | None, allow_patterns: list[str]) -> str:
        asked.append((name, revision, allow_patterns))
        return str(tmp_path / commit)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)
    identity = open_checkpoint("org/name@main").identity
    assert (identity.source, identity.revision) == ("hub", commit)
    name, revision, patterns = asked[0]
    assert (name, revision) == ("org/name", "main")
    assert not {"*.bin", "*.pt", "*"} & set(patterns)
