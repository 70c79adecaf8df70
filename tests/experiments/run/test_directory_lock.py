"""May two write into one directory at once?"""

from __future__ import annotations

from pathlib import Path

import pytest

from strata.experiments.run.directory_lock import alone_in
from strata.probes.errors import StrataError


def test_the_second_is_refused_until_the_first_has_left(tmp_path: Path) -> None:
    with alone_in(tmp_path / "a" / "b"):
        with pytest.raises(StrataError, match="Another process is working in"), alone_in(tmp_path / "a" / "b"):
            pass
        with alone_in(tmp_path / "a"):
            pass
    with alone_in(tmp_path / "a" / "b"):
        pass


def test_what_is_no_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StrataError, match="can't be used as a directory"), alone_in(tmp_path / "file"):
        pass
