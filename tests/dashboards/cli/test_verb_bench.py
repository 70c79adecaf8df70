"""Does `strata bench` say before any work which package of its extra is missing?"""

from __future__ import annotations

import pytest

from strata.dashboards.benchmarks import extra
from strata.dashboards.cli import verb_bench
from strata.dashboards.cli.main import main
from strata.probes.errors import StrataError


def test_without_the_extra_it_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(extra, "find_spec", lambda name: None)
    assert main(["bench", "startup", "probes", "--device", "cpu"]) == 2
    assert capfd.readouterr().err == (
        "strata: strata bench probes needs scikit-learn and threadpoolctl, which are not installed. "
        "Install the extra: pip install 'strata-probes[bench]'.\n"
    )


def test_only_what_the_chosen_parts_use_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extra, "find_spec", lambda name: None)
    monkeypatch.setattr(extra, "browser", lambda: None)
    extra.require_extra(["page", "capture"], on_gpu=False)
    extra.require_extra(verb_bench.PARTS, on_gpu=True)
    monkeypatch.setattr(extra, "browser", lambda: "/usr/bin/chromium")
    with pytest.raises(StrataError, match="bench page needs playwright, which is not installed"):
        extra.require_extra(["page"], on_gpu=True)
