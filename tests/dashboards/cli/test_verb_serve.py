"""`strata serve` says what is missing in one sentence, and imports nothing of the browser until it is asked to."""

from __future__ import annotations

from pathlib import Path

import pytest

from strata.dashboards.cli import verb_serve
from strata.dashboards.cli.main import main


def test_without_the_extra_it_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(verb_serve, "find_spec", lambda name: pytest.fail(name) if name != "dash" else None)
    assert main(["serve", str(tmp_path)]) == 2
    assert capfd.readouterr().err == (
        "strata: strata serve needs Dash, which is not installed. Install the extra: pip install 'strata-probes[app]'.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "is not a directory"),
        ([".", "--port", "70000"], "at most 65535"),
        ([".", "--token", "short"], "at least 16"),
        ([".", "--prot", "1"], "Did you mean --port?"),
        ([".", "--model", "smolm2"], "Did you mean smollm2"),
    ],
)
def test_what_can_not_be_served_is_refused_in_one_sentence(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["serve", *arguments]) == 2
    told = capfd.readouterr().err
    assert said in told and told.count("\n") == 1


def test_a_port_that_is_taken_is_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert main(["serve", str(tmp_path), "--port", str(taken.getsockname()[1])]) == 2
    assert "can't be listened on. Give another --port" in capfd.readouterr().err
