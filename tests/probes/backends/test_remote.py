"""Runs on NDIF, against a server that answers nnsight's own requests in this process: no weights here, bounded, only sites travel."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from ndif_server import Server
from small_world import save_checkpoint

from strata.probes.backends import Site, SiteEdit, nnsight_backend, open_backend, streams_of
from strata.probes.backends.remote_checkpoint import open_remote
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.open_spec import open_checkpoint
from strata.probes.errors import NotFetchedError, StrataError
from strata.probes.prompts.batching import pad
from strata.probes.prompts.prompt import Prompt
from strata.probes.rerun.edit_sweep import sweep
from strata.probes.rerun.recording import record
from strata.probes.rerun.run_edits import Replacement
from strata.probes.verification.model_self_tests import run_self_tests

PROMPTS = [Prompt("a", (5, 6, 7, 8, 9)), Prompt("b", (10, 11)), Prompt("c", (12, 13, 14))]
SPEC = "org/tiny"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_checkpoint(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def plain(directory: Path) -> Checkpoint:
    return open_checkpoint(str(directory))


@pytest.fixture
def server(directory: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Server:
    return Server(open_checkpoint(str(directory)), SPEC).installed(monkeypatch, directory, tmp_path)


def test_streams_and_edits_of_a_model_that_is_not_here_are_those_of_one_that_is(
    server: Server, plain: Checkpoint
) -> None:
    remote = open_remote(SPEC)
    assert remote.is_elsewhere and remote.dtype == plain.dtype
    assert all(weight.device.type == "meta" for block in remote.blocks for weight in block.parameters())
    assert remote.readout.fingerprint() == plain.readout.fingerprint()
    assert json.loads(server.asked[0].partition(":")[2])["repo_id"] == SPEC
    batch, sites = pad(PROMPTS, plain.pad_id, "left"), streams_of(plain.n_layers)
    where = torch.tensor([[4, 3]] * 3)
    edit = SiteEdit(Site("block_out", 1), where, torch.ones(3, 2, plain.d_model))
    backends = [open_backend("torch", plain), open_backend("nnsight", remote, remote=True)]
    here, there = (backend.read(batch, sites, where, logits=True) for backend in backends)
    torch.testing.assert_close(there.stack(sites), here.stack(sites))
    torch.testing.assert_close(there.logits, here.logits)
    here, there = (backend.edit(batch, [edit], where, sites=sites[-1:]) for backend in backends)
    torch.testing.assert_close(there.stack(sites[-1:]), here.stack(sites[-1:]))
    torch.testing.assert_close(there.logits, here.logits)


def test_only_the_sites_asked_for_travel(server: Server, plain: Checkpoint) -> None:
    backend = open_backend("nnsight", open_remote(SPEC), remote=True)
    batch, site = pad(PROMPTS, plain.pad_id), Site("resid_pre", 2)
    server.answered.clear()
    backend.read(batch, [site], torch.tensor([[4], [1], [2]]))
    backend.read(batch, [site])
    one, all_columns = server.answered
    wanted = 3 * (5 - 1) * plain.d_model * 4
    assert all_columns - one == pytest.approx(wanted, abs=256)


def test_requests_are_bounded_in_what_they_run_and_bring_back(
    server: Server, plain: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = open_backend("nnsight", open_remote(SPEC), remote=True)
    batch, sites = pad(PROMPTS, plain.pad_id), streams_of(plain.n_layers)
    edit = SiteEdit(Site("attn_out", 0), torch.tensor([[1], [1], [2]]), torch.randn(3, 1, plain.d_model))
    whole = backend.edit(batch, [edit], sites=sites, logits=True)
    for most_tokens, most_bytes, n_requests in ((10, 1 << 26, 2), (1, 1 << 26, 3), (100, 2 * 5 * plain.d_model * 4, 6)):
        monkeypatch.setattr(nnsight_backend, "MOST_TOKENS", most_tokens)
        monkeypatch.setattr(nnsight_backend, "MOST_BYTES", most_bytes)
        server.tokens.clear()
        found = backend.read(batch, sites) if n_requests == 6 else backend.edit(batch, [edit], sites=sites)
        assert len(server.tokens) == n_requests and max(server.tokens) <= max(5, most_tokens)
        if n_requests != 6:
            torch.testing.assert_close(found.stack(sites), whole.stack(sites))
            torch.testing.assert_close(found.logits, whole.logits)
        else:
            here = open_backend("nnsight", plain).read(batch, sites)
            torch.testing.assert_close(found.stack(sites), here.stack(sites))


def test_edited_runs_travel_together_as_far_as_a_request_holds_them(
    server: Server, plain: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote = open_remote(SPEC)
    prompts = [Prompt(str(row), (5 + row, 6, 7, 8, 9)) for row in range(2)]
    monkeypatch.setattr(nnsight_backend, "MOST_TOKENS", 3 * 2 * 6)  # a pad in front
    backend = open_backend("nnsight", remote, remote=True)
    recording, here = record(remote, prompts, backend=backend), record(plain, prompts)
    where = torch.full((2, 1), 5)
    edits = [
        Replacement(component, range(block, block + 1), lambda block: torch.full((2, 1, plain.d_model), 0.3))
        for component in ("attn_out", "mlp_out")
        for block in range(2)
    ]
    server.tokens.clear()
    ends = sweep(recording, edits, where)
    assert server.tokens == [3 * 2 * 6, 2 * 6]
    torch.testing.assert_close(ends, sweep(here, edits, where), atol=1e-5, rtol=1e-5)


def test_what_reads_streams_out_is_fetched_once_and_goes_on_where_it_was(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("strata.probes.backends.remote_checkpoint.MOST_BYTES", 2_000)
    server.failures = [ConnectionError("reset")] * 4
    with pytest.raises(NotFetchedError, match="NDIF can't be reached to run org/tiny"):
        open_remote(SPEC)
    heard: list[tuple[str, int, int | None, str]] = []
    first = open_remote(SPEC, progress=lambda *told: heard.append(told))
    assert len(heard) > 5 and heard[-1][0] == "read-out" and heard[-1][1] == heard[-1][2]
    n_asked = len(server.asked)
    assert n_asked - 4 == len(heard) - 1  # each part once, after the four that failed
    again = open_remote(SPEC)
    assert len(server.asked) == n_asked and again.identity == first.identity


def test_the_self_tests_hold_without_weights(server: Server) -> None:
    remote = open_remote(SPEC)
    backend = open_backend("nnsight", remote, remote=True)
    tests = run_self_tests(remote, PROMPTS, backend=backend)
    assert len(tests) >= 10 and all(test.passed for test in tests)
    # A read-out of another model is found out.
    remote.model.get_output_embeddings().weight.mul_(1.01)
    failed = {test.name for test in run_self_tests(remote, PROMPTS, backend=backend) if not test.passed}
    assert "the lens at stream L gives the model's logits" in failed


def test_a_connection_that_fails_is_tried_again_and_a_refusal_is_not(server: Server, plain: Checkpoint) -> None:
    backend = open_backend("nnsight", open_remote(SPEC), remote=True)
    batch = pad(PROMPTS, plain.pad_id)
    server.failures = [ConnectionError("reset"), TimeoutError("timed out")]
    before = len(server.asked)
    backend.read(batch, [Site("resid_pre", 0)])
    assert len(server.asked) == before + 3
    from nnsight.intervention.backends.remote import RemoteError

    server.failures = [RemoteError("Model org/tiny is not deployed")]
    with pytest.raises(StrataError, match=r"NDIF did not run org/tiny .*is not deployed") as refused:
        backend.read(batch, [Site("resid_pre", 0)])
    assert "leave --remote out" in refused.value.remedy and len(server.asked) == before + 4


def _without_key(plain: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nnsight.CONFIG.API.APIKEY", None)
    open_remote(SPEC)


@pytest.mark.parametrize(
    ("ask", "said", "remedy"),
    [
        (_without_key, "NDIF runs models for who has a key, and none is set here", "NDIF_API_KEY"),
        (lambda plain, _: open_remote("smollm2"), "knows by their hub id, and smollm2 is none", "org/name"),
        (lambda plain, _: open_remote("org/a~0.5~org/b"), "org/a~0.5~org/b is none", "org/name"),
        (lambda plain, _: open_backend("nnsight", plain, remote=True), "has none", "leave --remote out"),
    ],
)
def test_what_cannot_be_run_there_is_one_sentence(
    ask: Callable[..., Any], said: str, remedy: str, server: Server, plain: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(StrataError, match=said) as refused:
        ask(plain, monkeypatch)
    assert remedy in refused.value.remedy and not server.asked
