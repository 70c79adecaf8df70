"""`strata locate` as a person runs it, on a local word-level checkpoint: results, resume, refusals."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from small_world import save_checkpoint, small_items, write_items
from strata_process import StrataProcess, strata

TABLES = ("behaviour", "profiles", "emergence", "probes", "curves", "locations")
FAST = (
    "--draws",
    "200",
    "--lens-maps",
    "2",
    "--folds",
    "3",
    "--pairs",
    "8",
    "--damage-texts",
    "2",
    "--display",
    "plain",
    "--batch-tokens",
    "64",
)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_checkpoint(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_items(tmp_path_factory.mktemp("items") / "items.jsonl")


@pytest.fixture(scope="module")
def run(checkpoint: Path, items: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "first"
    done = strata("locate", checkpoint, "--items", items, "--out", out, *FAST)
    assert done.returncode == 0, done.stderr
    assert "The order of knowledge and reasoning is undetermined: " in done.stdout and "report.html" in done.stdout
    verdict = json.loads((out / "view.json").read_text())["verdict"]
    told = [sentence["head"] + sentence["rest"] for sentence in verdict["sentences"] if sentence["about"] != "readings"]
    assert told == done.stdout.splitlines()[: len(told)], "terminal and page say the same"
    caveats = [line.removeprefix("caveat: ") for line in done.stdout.splitlines() if line.startswith("caveat: ")]
    assert caveats == [caveat["text"] for caveat in verdict["caveats"]] != []
    return out


def test_a_local_word_level_checkpoint_with_its_own_items_gives_a_whole_run(run: Path) -> None:
    for name in TABLES:
        assert pq.read_table(run / f"{name}.parquet").num_rows > 0, name
    manifest = json.loads((run / "manifest.json").read_text())
    assert manifest["status"] == "done" and manifest["items"]["n"] == len(small_items())
    assert all(test["passed"] for test in manifest["self_tests"]) and len(manifest["self_tests"]) >= 5
    summary = json.loads((run / "summary.json").read_text())
    assert summary["schema"] == "strata.summary/2" and summary["order"]["verdict"] == "undetermined"
    assert all(kind["located"] is None for kind in summary["kinds"].values())
    assert (run / "report.html").stat().st_size < 6_000_000 and not (run / "activations").exists()


def test_the_tables_say_what_plain_transformers_says(run: Path, checkpoint: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(checkpoint).eval()
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    rows = {row["item"]: row for row in pq.read_table(run / "behaviour.parquet").to_pylist()}
    for item in small_items():
        with torch.no_grad():
            logits = model(torch.tensor([tokenizer(item["prompt"])["input_ids"]])).logits[0, -1]
        answer, foil = (tokenizer(item[name].strip())["input_ids"][0] for name in ("answer", "foil"))
        row = rows[item["id"]]
        assert row["logit_difference"] == pytest.approx(float(logits[answer] - logits[foil]), abs=1e-4)
        assert row["rank"] == int((logits > logits[answer]).sum())
        assert row["answer_logprob"] == pytest.approx(float(logits.log_softmax(-1)[answer]), abs=1e-4)
        if item.get("choices"):
            ids = [tokenizer(choice.strip())["input_ids"][0] for choice in item["choices"]]
            assert row["correct_by_choice"] == (ids[int(logits[ids].argmax())] == answer)
        likeliest = int(logits.argmax())  # the embedding has more rows than the tokenizer has words
        assert row["next_token"] == (tokenizer.convert_ids_to_tokens(likeliest) or f"<unused {likeliest}>")


def test_the_histogram_counts_each_item_once_where_its_rank_stays_0(run: Path) -> None:
    """Recounted from the ranks of every stream, not from the table that the page reads."""
    ranks: dict[str, dict[int, float]] = {}
    for row in pq.read_table(run / "profiles.parquet").to_pylist():
        if (row["instrument"], row["measure"], row["position"]) == ("lens.logit", "rank", "last"):
            ranks.setdefault(row["item"], {})[row["layer"]] = row["value"]
    kinds = {item["id"]: item["kind"] for item in small_items()}
    view = json.loads((run / "view.json").read_text())
    for kind in view["emergence"]["kinds"]:
        expected = [0] * 4
        never = 0
        for item, by_stream in ranks.items():
            if kinds[item] != kind["kind"]:
                continue
            from_here = [s for s in range(4) if all(by_stream[later] == 0 for later in range(s, 4))]
            if from_here:
                expected[min(from_here)] += 1
            else:
                never += 1
        assert (kind["counts"], kind["never"]) == (expected, never)
        assert kind["n"] == sum(name == kind["kind"] for name in kinds.values()) == sum(expected) + never


def test_a_familys_page_row_prints_the_accuracy_and_the_chance_that_decided(run: Path) -> None:
    """Recomputed from the items: by choice against the commonest of three answers, by likelihood against one half."""
    rows = pq.read_table(run / "behaviour.parquet").to_pylist()
    view = json.loads((run / "view.json").read_text())
    decisions = {row["family"]: row["decides"] for row in view["behaviour"]["rows"]}
    letters = [row for row in rows if row["family"] == "letters"]
    commonest = max(sum(row["answer_token"] == other["answer_token"] for row in letters) for other in letters) / len(
        letters
    )
    assert decisions["letters"]["label"] == "accuracy by choice"
    assert decisions["letters"]["value"] == pytest.approx(
        sum(r["correct_by_choice"] for r in letters) / len(letters), rel=1e-4
    )
    assert decisions["letters"]["chance"] == pytest.approx(max(1 / 3, commonest), rel=1e-4)
    parity = [row for row in rows if row["family"] == "parity"]
    assert decisions["parity"]["label"] == "accuracy by likelihood" and decisions["parity"]["chance"] == 0.5
    right = sum(row["correct_by_likelihood"] for row in parity) / len(parity)
    assert decisions["parity"]["value"] == pytest.approx(right, rel=1e-4)
    page = (run / "report.html").read_text()
    assert f"chance {decisions['letters']['chance']:.2f}</small><small>accuracy by choice" in page
    for kind in ("knowledge", "reasoning"):
        asked = [row for row in rows if row["kind"] == kind]
        used = sum(bool(row["answered"]) and not row["reason"] for row in asked)
        share = round(100 * sum(row["answered"] for row in asked) / len(asked))
        assert f"<b>{used}</b> of {len(asked)}<small>{share} % answered right</small>" in page


def test_profiles_are_the_logit_lens_of_hidden_states(run: Path, checkpoint: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(checkpoint).eval()
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    item = small_items()[0]
    table = pq.read_table(run / "profiles.parquet").to_pandas()
    profile = table[(table.item == item["id"]) & (table.measure == "answer_logprob") & (table.position == "subject")]
    ids = torch.tensor([tokenizer(item["prompt"])["input_ids"]])
    with torch.no_grad():
        hidden = model(ids, output_hidden_states=True).hidden_states
        place = tokenizer(item["prompt"])["input_ids"].index(tokenizer("a")["input_ids"][0])
        answer = tokenizer(item["answer"].strip())["input_ids"][0]
        expected = [float(model.lm_head(model.model.norm(h[0, place])).log_softmax(-1)[answer]) for h in hidden[:-1]]
    assert profile.sort_values("layer").value.to_list()[:-1] == pytest.approx(expected, abs=1e-4)


def test_a_second_start_changes_nothing_and_another_seed_is_refused(run: Path, checkpoint: Path, items: Path) -> None:
    before = {name: (run / f"{name}.parquet").read_bytes() for name in TABLES}
    again = strata("locate", checkpoint, "--items", items, "--out", run, *FAST)
    assert again.returncode == 0
    assert before == {name: (run / f"{name}.parquet").read_bytes() for name in TABLES}
    other = strata("locate", checkpoint, "--items", items, "--out", run, "--seed", 1, *FAST)
    assert other.returncode == 2 and "seed: 0 there, 1 now" in other.stderr and "Traceback" not in other.stderr
    assert before == {name: (run / f"{name}.parquet").read_bytes() for name in TABLES}


def test_the_same_seed_gives_the_same_numbers_whatever_the_batch(
    run: Path, checkpoint: Path, items: Path, tmp_path: Path
) -> None:
    done = strata("locate", checkpoint, "--items", items, "--out", tmp_path / "b", *FAST[:-1], 9)
    assert done.returncode == 0, done.stderr
    for name in ("curves", "locations", "emergence"):
        first, second = (pq.read_table(path / f"{name}.parquet").to_pandas() for path in (run, tmp_path / "b"))
        assert first.select_dtypes("object").equals(second.select_dtypes("object"))
        for column in first.select_dtypes("number"):
            np.testing.assert_allclose(first[column], second[column], atol=2e-5, err_msg=f"{name}.{column}")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_run_resumes_to_the_same_tables(
    number: signal.Signals, code: int, run: Path, checkpoint: Path, items: Path, tmp_path: Path
) -> None:
    out = tmp_path / "stopped"
    process = StrataProcess("locate", checkpoint, "--items", items, "--out", out, *FAST)
    limit = time.monotonic() + 120
    while not list((out / "parts").rglob("*.safetensors")):
        assert process.runs() and time.monotonic() < limit
        time.sleep(0.01)
    process.send_signal(number)
    stopped = process.ended()
    assert stopped.returncode == code, stopped.stderr
    assert not (out / "summary.json").exists()
    if number != signal.SIGKILL:
        assert "Resume: strata locate" in stopped.stderr
        assert json.loads((out / "manifest.json").read_text())["status"] == "stopped"
    before = {part: part.stat().st_mtime_ns for part in (out / "parts").rglob("*.safetensors")}
    again = strata("locate", checkpoint, "--items", items, "--out", out, *FAST)
    assert again.returncode == 0, again.stderr
    assert before == {part: part.stat().st_mtime_ns for part in before}
    for name in TABLES:
        first, second = (pq.read_table(path / f"{name}.parquet") for path in (run, out))
        assert first.replace_schema_metadata(None).equals(second.replace_schema_metadata(None)), name


def test_json_is_one_object_on_stdout_with_nothing_beside_it(run: Path, checkpoint: Path, items: Path) -> None:
    done = strata("locate", checkpoint, "--items", items, "--out", run, *FAST, "--json")
    assert done.returncode == 0
    summary = json.loads(done.stdout)
    assert summary["schema"] == "strata.summary/2" and summary["report"].endswith("report.html")


def test_the_page_is_rebuilt_from_the_tables_alone(run: Path) -> None:
    before = (run / "view.json").read_bytes()
    (run / "view.json").unlink()
    (run / "report.html").unlink()
    assert strata("report", run).returncode == 0
    assert (run / "view.json").read_bytes() == before and (run / "report.html").exists()


def test_a_page_is_not_made_of_tables_that_are_missing_or_of_another_run(run: Path, tmp_path: Path) -> None:
    whole = shutil.copytree(run, tmp_path / "whole")
    page = (whole / "report.html").read_bytes()
    content = (whole / "emergence.parquet").read_bytes()
    (whole / "emergence.parquet").unlink()
    refused(strata("report", whole), "has no emergence.parquet")
    table = pq.read_table(run / "emergence.parquet")
    pq.write_table(table.replace_schema_metadata({b"strata.run": b"0123456789ab"}), whole / "emergence.parquet")
    refused(strata("report", whole), "emergence.parquet belongs to another run (0123456789ab")
    (whole / "emergence.parquet").write_bytes(content[:-9])
    refused(strata("report", whole), "emergence.parquet can't be read")
    (whole / "emergence.parquet").write_bytes(content)
    summary = json.loads((whole / "summary.json").read_text())
    (whole / "summary.json").write_text(json.dumps({**summary, "run": "another"}))
    refused(strata("report", whole), "summary.json belongs to another run")
    assert (whole / "report.html").read_bytes() == page


def no_space_for_the_view() -> None:
    plain = Path.write_bytes

    def write(self: Path, data: bytes) -> int:
        if "view.json" in self.name:
            raise OSError(28, "No space left on device")
        return plain(self, data)

    Path.write_bytes = write  # the process ends with it


def test_a_disk_that_is_full_when_only_the_page_is_left_costs_only_the_page(
    run: Path, checkpoint: Path, items: Path, tmp_path: Path
) -> None:
    out = shutil.copytree(run, tmp_path / "run")
    done = strata("locate", checkpoint, "--items", items, "--out", out, *FAST, first=no_space_for_the_view)
    assert done.returncode == 3 and "disk is full" in done.stderr and "Traceback" not in done.stderr
    assert f"strata report {out}" in done.stderr
    assert json.loads((out / "manifest.json").read_text())["status"] == "done"
    assert strata("report", out).returncode == 0


BAD_LINES = {
    "broken JSON": '{"id": "x"',
    "answer is the foil": json.dumps({**small_items()[0], "id": "x", "foil": small_items()[0]["answer"]}),
    "duplicate id": json.dumps(small_items()[0]),
    "empty answer": json.dumps({**small_items()[0], "id": "x", "answer": ""}),
    "span outside": json.dumps({**small_items()[0], "id": "x", "spans": {"subject": [4, 99]}}),
}


@pytest.mark.parametrize("what", BAD_LINES)
def test_a_bad_line_is_named_with_file_and_number(what: str, checkpoint: Path, tmp_path: Path) -> None:
    file = write_items(tmp_path / "bad.jsonl")
    lines = len(file.read_text().splitlines())
    file.write_text(file.read_text() + BAD_LINES[what] + "\n")
    done = strata("locate", checkpoint, "--items", file, "--out", tmp_path / "run")
    assert done.returncode == 2 and f"bad.jsonl:{lines + 1}" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()


def refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr and done.stdout == ""
    for word in words:
        assert word in done.stderr


def test_what_cannot_be_done_is_one_sentence_with_a_remedy(checkpoint: Path, items: Path, tmp_path: Path) -> None:
    refused(strata("locate", "smollm3", "--out", tmp_path / "a"), "no checkpoint 'smollm3'", "smollm2")
    refused(strata("locate", "some/model", "--out", tmp_path / "a"), "some/model is not in the local cache", "offline")
    refused(strata("locate", tmp_path / "nowhere", "--out", tmp_path / "a"), "no file or directory")
    refused(strata("locate", checkpoint, "--families", "capitel", "--out", tmp_path / "a"), "capitel")
    refused(
        strata("locate", checkpoint, "--lenses", "tuned", "--items", items, "--out", tmp_path / "a"),
        "--lenses needs logit",
    )
    refused(strata("locate", checkpoint, "--per-family", "0"), "--per-family")
    refused(strata("locat", checkpoint), "Did you mean locate?\n")
    refused(strata("report", tmp_path), "not a run directory")


def test_no_item_left_is_said_with_the_reasons(checkpoint: Path, tmp_path: Path) -> None:
    unknown = [{**item, "answer": " zzz", "foil": " yyy", "choices": []} for item in small_items()]
    file = write_items(tmp_path / "items.jsonl", unknown)
    refused(strata("locate", checkpoint, "--items", file, "--out", tmp_path / "run"), "No item is left", "×")


def blocks_that_say_too_much() -> None:
    from transformers.models.llama.modeling_llama import LlamaDecoderLayer

    plain = LlamaDecoderLayer.forward

    def louder(self: Any, *inputs: Any, **options: Any) -> Any:
        return plain(self, *inputs, **options) * 1.01

    LlamaDecoderLayer.forward = louder


def test_a_model_whose_identities_fail_stops_the_experiment(checkpoint: Path, items: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = strata("locate", checkpoint, "--items", items, "--out", out, *FAST, first=blocks_that_say_too_much)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "LlamaForCausalLM (llama) is not supported, because it fails the self-test" in done.stderr
    assert not (tmp_path / "run" / "summary.json").exists()
    failed = [
        test
        for test in json.loads((tmp_path / "run" / "manifest.json").read_text())["self_tests"]
        if not test["passed"]
    ]
    assert failed


def test_a_table_that_went_missing_is_made_again(run: Path, checkpoint: Path, items: Path) -> None:
    before = pq.read_table(run / "locations.parquet")
    (run / "locations.parquet").unlink()
    (run / "parts" / "probes").iterdir().__next__().write_bytes(b"damaged")
    done = strata("locate", checkpoint, "--items", items, "--out", run, *FAST)
    assert done.returncode == 0, done.stderr
    assert pq.read_table(run / "locations.parquet").equals(before)


def test_an_out_that_is_a_file_is_refused(checkpoint: Path, items: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    refused(strata("locate", checkpoint, "--items", items, "--out", tmp_path / "file"), "can't be used as a directory")
    assert (tmp_path / "file").read_text() == "mine"


def test_a_plan_needs_no_weights_without_a_trial(checkpoint: Path, items: Path, tmp_path: Path) -> None:
    done = strata("plan", checkpoint, "--items", items, "--no-trial", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)
    assert plan["schema"] == "strata.plan/2"
    assert plan["items"] == len(small_items()) and plan["seconds"] is None and plan["fits"]
    assert plan["tokens"] == sum(len(item["prompt"].split()) for item in small_items())


def test_one_prompt_is_read_in_the_terminal_and_as_a_page(checkpoint: Path, tmp_path: Path) -> None:
    page = tmp_path / "lens.html"
    done = strata("lens", checkpoint, "the a is", "--answer", " 1", "--out", page)
    assert done.returncode == 0, done.stderr
    assert "answer rank" in done.stdout and page.stat().st_size < 6_000_000
    refused(strata("lens", checkpoint, ""), "prompt is empty")
    refused(strata("lens", checkpoint, "a " * 100), "reads at most 64")
    refused(strata("lens", checkpoint, "the a is", "--answer", " zzz"), "--answer ' zzz'", "no token in the vocabulary")


def test_a_model_that_gives_no_numbers_has_no_map(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    file = save_checkpoint(tmp_path / "tiny") / "model.safetensors"
    state = load_file(file)
    state["model.layers.1.mlp.up_proj.weight"][0, 0] = float("nan")
    save_file(state, file, metadata={"format": "pt"})
    done = strata("lens", tmp_path / "tiny", "the a is", "--out", tmp_path / "lens.html")
    assert done.returncode == 1 and done.stdout == "" and not (tmp_path / "lens.html").exists()
    assert "holds NaN or infinity" in done.stderr and "Traceback" not in done.stderr


def test_verify_agrees_on_the_local_checkpoint(checkpoint: Path) -> None:
    done = strata("verify", checkpoint, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    verification = json.loads(done.stdout)
    assert verification["ok"] and {row["backend"] for row in verification["comparisons"]} >= {
        "torch",
        "transformer_lens",
        "nnsight",
    }


def test_a_text_is_known_by_what_stands_in_it_and_must_exist(checkpoint: Path, tmp_path: Path) -> None:
    items = write_items(tmp_path / "few.jsonl", small_items()[:12])
    text, moved = tmp_path / "text.txt", tmp_path / "moved.txt"
    text.write_text("a b c")
    words = ("locate", checkpoint, "--items", items, "--no-random-init", "--positions", "last,subjekt", *FAST)
    out = tmp_path / "run"
    refused(strata(*words, "--out", out, "--text", moved), "moved.txt can't be read")
    assert not out.exists()
    refused(strata("lens", checkpoint, "the a is", "--text", moved), "moved.txt can't be read")
    refused(strata("plan", checkpoint, "--items", items, "--no-trial", "--text", moved), "moved.txt can't be read")
    first = strata(*words, "--out", out, "--text", text)
    assert first.returncode == 0, first.stderr
    assert "caveat: No item has the position 'subjekt'" in first.stdout
    text.rename(moved)
    assert strata(*words, "--out", out, "--text", moved).returncode == 0
    moved.write_text("d e f")
    refused(strata(*words, "--out", out, "--text", moved), "text_sha256")
