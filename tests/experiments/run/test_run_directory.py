"""A run directory resumes with the same identity, refuses another, and never shows half a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from strata.dashboards.sentences.run_caveats import caveat_sentence
from strata.experiments.results.caveats import Caveat
from strata.experiments.results.comparison_reasons import ExcludedPart, WhyNotCompared
from strata.experiments.results.json_file import JsonFile
from strata.experiments.run.directory import RunDirectory
from strata.experiments.run.files import manifest_sha256, read_manifest
from strata.experiments.run.summary_file import comparison_result_of, sweep_result_of
from strata.probes.errors import DamagedError, DoesNotFitError, StrataError
from strata.probes.files.atomic_writes import remove_unfinished, whole_file, write_whole

IDENTITY = {"seed": 0, "families": ("capital",), "items_sha256": "abc"}


def opened(path: Path, **changes: object) -> RunDirectory:
    return RunDirectory(path, verb="locate", command=["strata", "locate"], identity=IDENTITY | changes)


def test_the_same_identity_resumes_and_keeps_what_was_recorded(tmp_path: Path) -> None:
    run = opened(tmp_path / "run")
    with run.stage("capture"):
        pass
    run.warn(Caveat(code="said", text="a caveat"))
    run.close("stopped")
    again = opened(tmp_path / "run")
    assert again.run_id == run.run_id
    assert "capture" in again.manifest.stages and again.manifest.warnings == (Caveat(code="said", text="a caveat"),)
    assert again.manifest.status == "running"
    again.close("done")
    assert json.loads((tmp_path / "run" / "manifest.json").read_text())["status"] == "done"


def test_a_link_that_leads_to_itself_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    with pytest.raises(StrataError, match="leads nowhere but to itself"):
        write_whole(tmp_path / "circle", "x")


@pytest.mark.parametrize(
    ("field", "entry"), [("warnings", {"": "none-answered"}), ("not_comparable", {"part": "weights"})]
)
def test_a_manifest_that_warns_of_nothing_known_is_damaged(tmp_path: Path, field: str, entry: object) -> None:
    opened(tmp_path).close("done")
    file = tmp_path / "manifest.json"
    changed = json.loads(file.read_text()) | {field: [entry]}
    file.write_text(json.dumps(changed | {"sha256": manifest_sha256(changed)}))
    with pytest.raises(DamagedError, match=rf"is damaged \({field}\.0\.\w+: ") as refused:
        read_manifest(tmp_path)
    assert "\n" not in str(refused.value)


def test_what_a_living_process_writes_is_no_leftover(tmp_path: Path) -> None:
    (tmp_path / ".summary.json.4711.part").write_text("half")
    with whole_file(tmp_path / "report.html") as part:
        part.write_text("page")
        remove_unfinished(tmp_path, "*")
        assert part.exists() and not (tmp_path / ".summary.json.4711.part").exists()
    assert (tmp_path / "report.html").read_text() == "page" and len(list(tmp_path.iterdir())) == 1


def test_a_file_of_another_shape_is_damaged_and_results_name_their_field(tmp_path: Path) -> None:
    run = opened(tmp_path)
    mixed = JsonFile("cells.json", "", TypeAdapter(dict[str, list[int | str]]))
    run.write_json(mixed, {"base": [1, "x"]})
    assert run.read_as(mixed) == {"base": [1, "x"]}
    with pytest.raises(DamagedError, match=r"cells.json doesn't hold what its schema says \(base\.1: "):
        run.read_as(JsonFile("cells.json", "", TypeAdapter(dict[str, list[int]])))
    run.close("done")
    for read, file in ((sweep_result_of, "sweep.json"), (comparison_result_of, "comparison.json")):
        with pytest.raises(StrataError, match=f"{file} doesn't hold what its schema says"):
            read({"schema": "x"})


def test_another_identity_is_refused_with_every_difference(tmp_path: Path) -> None:
    opened(tmp_path).close("done")
    before = (tmp_path / "manifest.json").read_bytes()
    with pytest.raises(StrataError, match=r"seed: 0 there, 1 now.*--out"):
        opened(tmp_path, seed=1)
    assert (tmp_path / "manifest.json").read_bytes() == before


def test_only_what_differs_inside_a_setting_is_told(tmp_path: Path) -> None:
    models = {"base": {"dtype": "float32", "weights_sha256": "a" * 500}, "twin": {"dtype": "float32"}}
    opened(tmp_path, models=models).close("done")
    with pytest.raises(StrataError, match=r"\(models\.twin\.dtype: \"float32\" there, \"bfloat16\" now\)"):
        opened(tmp_path, models=models | {"twin": {"dtype": "bfloat16"}})
    longer = models | {"base": {"dtype": "float32", "weights_sha256": "b" * 500}}
    with pytest.raises(StrataError, match="aaa…") as refused:
        opened(tmp_path, models=longer)
    assert len(str(refused.value)) < 500


def test_a_run_of_the_first_rule_is_refused_in_one_sentence_and_left_alone(tmp_path: Path) -> None:
    """As earlier versions recorded it: no option that differs today is told, since none of them would help."""
    opened(tmp_path, windows=(1, 3), pairs=18).close("done")
    before = (tmp_path / "manifest.json").read_bytes()
    with pytest.raises(StrataError, match=r"made by an earlier version .* first rule .*Give another --out") as refused:
        opened(tmp_path, pairs=48)
    assert "windows" not in str(refused.value) and "there," not in str(refused.value)
    assert f"strata report {tmp_path}" in str(refused.value)
    assert (tmp_path / "manifest.json").read_bytes() == before


def test_a_directory_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(StrataError, match=r"thesis\.tex"):
        opened(tmp_path)
    assert sorted(entry.name for entry in tmp_path.iterdir() if entry.name != ".lock") == ["thesis.tex"]


def test_a_damaged_manifest_is_named(tmp_path: Path) -> None:
    opened(tmp_path).close("done")
    (tmp_path / "manifest.json").write_text('{"config": ')
    with pytest.raises(StrataError, match=r"manifest\.json is damaged"):
        opened(tmp_path)


def test_a_manifest_changed_by_hand_is_named(tmp_path: Path) -> None:
    opened(tmp_path).close("done")
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    (tmp_path / "manifest.json").write_text(json.dumps(manifest | {"warnings": ["all is well"]}))
    with pytest.raises(StrataError, match=r"manifest\.json is not what the run wrote"):
        opened(tmp_path)


def test_two_processes_do_not_share_a_run(tmp_path: Path) -> None:
    run = opened(tmp_path)
    with pytest.raises(StrataError, match="Another process"):
        opened(tmp_path)
    run.close("done")
    opened(tmp_path).close("done")


def test_a_failing_writer_leaves_the_old_file_and_no_litter(tmp_path: Path) -> None:
    target = tmp_path / "summary.json"
    write_whole(target, "old")
    with pytest.raises(RuntimeError), whole_file(target) as part:
        part.write_text("half of the ne")
        raise RuntimeError("killed")
    assert target.read_text() == "old" and [entry.name for entry in tmp_path.iterdir()] == ["summary.json"]


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), ValueError("IoError: No space left on device")]
)
def test_a_full_disk_is_told_as_such_whoever_reports_it(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(DoesNotFitError, match="disk is full"), whole_file(tmp_path / "x"):
        raise error
    assert DoesNotFitError.exit_code == 3


def test_numbers_that_json_cannot_hold_are_never_written(tmp_path: Path) -> None:
    run = opened(tmp_path / "run")
    with pytest.raises(ValueError, match="JSON"):
        run.write_json(JsonFile("summary.json", "", TypeAdapter(dict[str, float])), {"p": float("nan")})
    assert not run.finished("summary.json")
    run.close("done")


def test_resuming_under_another_library_or_device_is_a_caveat_and_no_refusal(tmp_path: Path) -> None:
    run = opened(tmp_path / "run")
    run.measured_here("cpu")
    assert run.manifest.warnings == ()
    run.close("stopped")
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    manifest["versions"]["torch"] = "1.13.1"
    (tmp_path / "run" / "manifest.json").write_text(json.dumps(manifest | {"sha256": manifest_sha256(manifest)}))
    again = opened(tmp_path / "run")
    assert again.manifest.versions["torch"] == "1.13.1"  # until something is measured anew
    again.measured_here("cuda:0")
    (caveat,) = again.manifest.warnings
    assert caveat.code == "resumed-elsewhere" and {"device", "torch"} == {name for name, _, _ in caveat.changes}
    assert "torch 1.13.1 then" in caveat_sentence(caveat) and "device cpu then, cuda:0 now" in caveat_sentence(caveat)
    assert again.manifest.versions["torch"] != "1.13.1" and again.manifest.device == "cuda:0"
    again.close("done")


def test_what_a_kill_has_left_of_files_is_cleaned_and_blocks_nothing(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / ".manifest.json.4711.part").write_bytes(b"half")  # of the first write of all
    opened(run).close("stopped")
    assert list(run.rglob("*.part")) == []
    for left in (
        ".summary.json.1.part",
        "activations/model/.shard-00000.safetensors.12.part",
        "parts/probes/.a.1.part",
    ):
        (run / left).parent.mkdir(parents=True, exist_ok=True)
        (run / left).write_bytes(b"half")
    opened(run).close("done")
    assert list(run.rglob("*.part")) == []


def test_every_file_has_the_mode_of_any_new_file(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    (tmp_path / "plain").write_text("")
    with whole_file(tmp_path / "tensors") as part:
        save_file({"a": torch.zeros(1)}, part)
    write_whole(tmp_path / "text", "a")
    modes = {file.name: file.stat().st_mode for file in tmp_path.iterdir()}
    assert len(set(modes.values())) == 1 and set(modes) == {"plain", "tensors", "text"}


def test_a_manifest_keeps_its_entries_as_they_stand_in_the_file(tmp_path: Path) -> None:
    """As every version wrote them: a text for what an earlier version said, a code with what its sentence needs, a part with its reason."""
    part = ExcludedPart(part="streams", model="control", why=WhyNotCompared(code="other-width", here=8, base=4))
    run = opened(tmp_path)
    run.warn(Caveat(code="said", text="odd"))
    run.warn(Caveat(code="memory-ran-out", family="capital"))
    run.manifest.not_comparable = (part,)
    run.close("stopped")
    held = json.loads((tmp_path / "manifest.json").read_text())
    assert held["warnings"] == ["odd", {"code": "memory-ran-out", "family": "capital"}]
    assert held["not_comparable"] == [part.as_json()] and part.as_json()["why"]["said"] is None
    again = opened(tmp_path)
    assert again.manifest.warnings[0] == Caveat(code="said", text="odd") and again.manifest.not_comparable == (part,)
    again.close("stopped")
    assert json.loads((tmp_path / "manifest.json").read_text())["warnings"] == held["warnings"]
