"""Hub ids: resolved to a pinned local directory through huggingface_hub, offline mode honoured."""

from __future__ import annotations

from pathlib import Path

from strata.probes.errors import DoesNotFitError, NotFetchedError, StrataError, is_disk_full

_WANTED = ["*.json", "*.safetensors", "*.model", "*.jinja", "*.txt", "*.py"]
_LIGHT = [pattern for pattern in _WANTED if pattern != "*.safetensors"]


def hub_directory(name: str, revision: str | None, *, weights: bool = True) -> tuple[Path, str]:
    """(local directory, commit) of a hub id; downloads what is missing, never pickled weights, or none at all.

    Raises StrataError in one sentence for an unknown or gated model, NotFetchedError for no network.
    """
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        HTTPError,  # of the library that the hub speaks through: httpx before 2.0, httpx2 since
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    shown = f"{name}@{revision}" if revision else name
    try:
        path = Path(snapshot_download(name, revision=revision, allow_patterns=_WANTED if weights else _LIGHT))
    except GatedRepoError as error:
        raise StrataError(
            f"{shown} is gated on the hub", "Accept its terms there and log in with `hf auth login`"
        ) from error
    except RevisionNotFoundError as error:
        raise StrataError(f"{name} has no revision {revision!r}", "Check the branch, tag or commit") from error
    except RepositoryNotFoundError as error:
        raise StrataError(
            f"There is no model {shown} on the hub, or it is private", "Check the name, or log in"
        ) from error
    except (LocalEntryNotFoundError, OfflineModeIsEnabled) as error:
        why = "offline mode is on" if constants.HF_HUB_OFFLINE else "the hub can't be reached"
        raise NotFetchedError(
            f"{shown} is not in the local cache and {why}",
            "Connect once to download it, or give a local directory or .gguf file",
        ) from error
    except HFValidationError as error:
        raise StrataError(f"{shown!r} is not a valid hub id", "Write org/name, with @revision if you like") from error
    except (HfHubHTTPError, HTTPError, ConnectionError) as error:
        raise NotFetchedError(
            f"{shown} could not be downloaded ({type(error).__name__})",
            "Check the network and try again: it resumes",
        ) from error
    except OSError as error:
        if is_disk_full(error):
            raise DoesNotFitError(
                f"The disk is full while downloading {shown}", "Free some space: it resumes"
            ) from error
        raise NotFetchedError(
            f"{shown} could not be downloaded ({error})", "Check the network and try again: it resumes"
        ) from error
    return path, path.name
