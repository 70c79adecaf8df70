"""Would writing the items overwrite what they are made from?"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from strata.experiments.items.importing.mapping import Mapped
from strata.experiments.items.importing.rows import source_files
from strata.probes.errors import StrataError


def refuse_overwriting(out: str | Path, source: str | Path, mapping: Mapped) -> None:
    """Raises StrataError where `out` is the table, one of its files or the mapping, under whatever name or link, or a folder."""
    target, table = Path(out), Path(source)
    if target.is_dir():
        raise StrataError(f"--out {out} is a directory", f"Name a file, such as {target / 'items.jsonl'}")
    # A mapping that comes along has a name and no file here.
    if Path(mapping.name).exists() and is_one_of(target, [Path(mapping.name)]):
        raise StrataError(f"--out {out} is the mapping itself", "Give another file to write to")
    files: Iterable[Path] = ()
    if table.is_dir():
        # Items inside the folder would be rows the next time; and a saved data set consists of files of its own.
        pattern = mapping.rows.files
        if any(not pattern or _selects(pattern, place) for place in _places(target, table)):
            raise StrataError(f"--out {out} would be one of the files that {source} is read from", "Write it elsewhere")
        files = source_files(table, mapping.rows) if pattern else (file for file in table.rglob("*") if file.is_file())
    elif table.exists():
        files = (table,)
    if is_one_of(target, files):
        raise StrataError(f"--out {out} is the table itself", "Give another file to write to")


def _places(target: Path, folder: Path) -> set[Path]:
    """The paths inside the folder, also through links in it, by which it would hold the target."""
    whole, top = target.resolve(), folder.resolve()
    places = {whole.relative_to(top)} if whole.is_relative_to(top) else set()
    for inner in (folder, *folder.rglob("*")):
        if inner.is_dir() and inner.resolve() == whole.parent:
            places.add(inner.relative_to(folder) / whole.name)
    return places


def _selects(pattern: str, place: Path) -> bool:
    """Whether the pattern selects a file at this place in a folder: asked of the globbing itself, in an empty one."""
    with TemporaryDirectory() as empty:
        file = Path(empty) / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        return file in Path(empty).glob(pattern)


def is_one_of(out: str | Path, files: Iterable[Path]) -> bool:
    """Whether writing to `out` would overwrite one of the files: the same path, the other end of a link, or another name of the same data."""
    target = Path(out)
    place = target.resolve()
    return any(
        file.resolve() == place or (target.exists() and file.exists() and target.samefile(file)) for file in files
    )
