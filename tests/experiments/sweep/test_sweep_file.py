"""A sweep file is what it says, or one sentence that names the file and the key."""

from __future__ import annotations

from pathlib import Path

import pytest

from strata.experiments.sweep.planned_runs import planned
from strata.experiments.sweep.sweep_file import GivenCheckpoint, read_sweep
from strata.probes.errors import StrataError


def written(folder: Path, text: str) -> Path:
    file = folder / "sweep.toml"
    file.write_text(text)
    return file


def test_every_combination_is_a_run_of_its_own(tmp_path: Path) -> None:
    text = 'checkpoints = ["a/b", "a/c", "a/b"]\nseeds = [0, 3]\nframings = ["raw", "chat"]\nitems = ["x.jsonl", "y.jsonl"]'
    asked = read_sweep(written(tmp_path, text))
    runs = planned(asked).runs
    assert len(runs) == len({run.key for run in runs}) == 2 * 2 * 2 * 2
    assert {(run.checkpoint, run.seed, run.framing, str(run.items)) for run in runs} == {
        (spec, seed, framing, items)
        for spec in ("a/b", "a/c") for seed in (0, 3) for framing in ("raw", "chat") for items in ("x.jsonl", "y.jsonl")
    }  # fmt: skip


def test_a_longer_file_keeps_the_directories_of_a_shorter_one(tmp_path: Path) -> None:
    short = planned(read_sweep(written(tmp_path, 'checkpoints = ["a/b"]'))).runs
    long = planned(read_sweep(written(tmp_path, 'checkpoints = ["a/c", "a/b"]\nseeds = [1, 0]'))).runs
    assert {run.key for run in short} < {run.key for run in long}


def test_doses_stand_for_checkpoints_and_their_ends_belong_to_them(tmp_path: Path) -> None:
    text = 'checkpoints = ["a/b", "a/c", "a/d"]\n[dose]\nbase = "a/b"\ndistilled = "a/c"\ndoses = [0.25, 1e-7]'
    plan = planned(read_sweep(written(tmp_path, text)))
    assert plan.axis.kind == "dose"
    assert {run.checkpoint: run.at for run in plan.runs} == {
        "a/b": 0.0, "a/c": 1.0, "a/d": None, "a/b~0.25~a/c": 0.25, "a/b~1e-07~a/c": 1e-7,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "kind", "name", "at"),
    [
        ('["o/n@step1000", "o/n@step0-tokens", "out/checkpoint-500+x"]', "step", "training step", [1000.0, 0.0, 500.0]),
        ('["o/n@main", "o/stepwise"]', "order", "checkpoint", [0.0, 1.0]),
        ('["o/n", { spec = "o/m", at = 1.5 }]\naxis = "size"', "given", "size", [None, 1.5]),
        ('["a~0.1~b", "a~0.1~c"]', "order", "checkpoint", [0.0, 1.0]),
        ('["a~2~b", "a~0.1~b"]', "dose", "dose", [None, 0.1]),
    ],
)
def test_a_checkpoint_stands_where_its_name_or_the_person_says(
    tmp_path: Path, text: str, kind: str, name: str, at: list[float | None]
) -> None:
    plan = planned(read_sweep(written(tmp_path, f"checkpoints = {text}")))
    assert (plan.axis.kind, plan.axis.name) == (kind, name)
    assert [run.at for run in plan.runs] == at


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("checkpoint = ['a']", "no key 'checkpoint'. Did you mean checkpoints?"),
        ("[dose]\nbase='a'\ndistilled='b'\ndoses=[0.5]\nsteps=3", "no key 'dose.steps'"),
        ("checkpoints = [{spec='a', step=3}]", "no key"),
        ("checkpoints = ['a']\nseeds = ['0']", "seeds.0"),
        ("checkpoints = ['a']\nseeds = [-1]", "seeds[0] is -1"),
        ("checkpoints = ['a']\nseeds = []", "seeds"),
        ("checkpoints = ['a']\nshards = 0", "shards"),
        ("checkpoints = ['a']\nframings = ['bare']", "framings.0"),
        ("[dose]\nbase='a'\ndistilled='b'\ndoses=[1.5]", "dose.doses holds 1.5"),
        ("seeds = [0]", "names no checkpoint"),
        ("checkpoints = ['a']\naxis = 'size'", "names the axis 'size'"),
        ("checkpoints = [", "could not be read"),
        ("checkpoints = [nan]", "could not be read"),
    ],
)
def test_a_wrong_file_is_one_sentence(tmp_path: Path, text: str, says: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(StrataError) as caught:
        read_sweep(file)
    assert says in str(caught.value) and str(file) in str(caught.value) and "\n" not in str(caught.value)


def test_checkpoints_are_kept_in_the_order_of_the_file(tmp_path: Path) -> None:
    asked = read_sweep(written(tmp_path, 'checkpoints = ["b", { spec = "a", at = 2 }, "b"]'))
    assert asked.checkpoints == (GivenCheckpoint("b"), GivenCheckpoint("a", 2.0))
