"""A run inside the chat template is the run on the same text written by hand, and is never taken for a raw one."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file
from small_comparison import LOCATE
from small_world import save_checkpoint, small_items, write_items
from strata_process import strata
from tiny_models import tiny_model, tiny_tokenizer

from strata.dashboards.sentences.run_caveats import caveat_sentence
from strata.experiments.items.framing import REQUEST
from strata.experiments.locate.config import LocateConfig
from strata.experiments.locate.cost_plan import plan_locate
from strata.experiments.locate.pipeline import locate
from strata.experiments.results.caveats import Caveat
from strata.experiments.run.controls import RunControls
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.open_spec import checkpoint_from
from strata.probes.errors import StrataError

TEMPLATE = "{{ bos_token }}{{ messages[0]['content'] }} the {{ messages | length }} of . is in "
PREFIX = f"{REQUEST} the 1 of . is in "
CHAT = replace(LOCATE, framing="chat", positions=("last", "subject", "operand"), lens_maps=2)
TABLES = ("behaviour", "profiles", "emergence", "probes", "curves", "locations")


class Stopped(Exception):
    pass


def stop(path: Path) -> None:
    raise Stopped


def model(template: str | None = TEMPLATE) -> Checkpoint:
    tokenizer = tiny_tokenizer(adds_bos=True)
    tokenizer.chat_template = template
    return checkpoint_from(tiny_model("llama"), tokenizer)


def asked() -> list[dict[str, Any]]:
    """The small world's items, and two-step ones that carry their single steps."""
    records = small_items()
    for number, letter in enumerate("abcdefgh"):
        hop = {"prompt": f"of {letter} is", "answer": f" {number % 2}", "foil_prompt": "of z is", "foil": " 9"}
        records.append(
            {
                "id": f"c:{letter}", "kind": "composite", "family": "chain", "prompt": f"the {letter} of the",
                "answer": f" {number % 3}", "foil_prompt": "the z of the", "foil": " 7", "cluster": letter, "hops": 2,
                "spans": {"subject": [4, 5]}, "foil_spans": {"subject": [4, 5]}, "first_hop": hop,
                "second_hop": {**hop, "prompt": f"in {letter} is"},
            }
        )  # fmt: skip
    return records


def by_hand(item: dict[str, Any]) -> dict[str, Any]:
    """The same item as a person would write it who types the prompt prefix into every prompt."""
    ahead = len(PREFIX)
    spans = {
        name: {key: [start + ahead, end + ahead] for key, (start, end) in item[name].items()}
        for name in ("spans", "foil_spans")
    }
    hops = {
        name: {
            **item[name],
            "prompt": PREFIX + item[name]["prompt"],
            "foil_prompt": PREFIX + item[name]["foil_prompt"],
        }
        for name in ("first_hop", "second_hop")
        if name in item
    }
    prompts = {name: PREFIX + item[name] for name in ("prompt", "foil_prompt")}
    return {**item, **prompts, **spans, **hops}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    directory = tmp_path_factory.mktemp("items")
    plain, typed = directory / "plain.jsonl", directory / "typed.jsonl"
    return write_items(plain, asked()), write_items(typed, [by_hand(item) for item in asked()])


@pytest.fixture(scope="module")
def chat(files: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "chat"
    locate(model(), CHAT, out, items=files[0])
    return out


def read(file: Path) -> Any:
    return json.loads(file.read_text())


def test_a_chat_run_is_the_run_on_prompts_with_the_prefix_typed_in(
    chat: Path, files: tuple[Path, Path], tmp_path: Path
) -> None:
    typed = tmp_path / "typed"
    locate(model(), replace(CHAT, framing="raw"), typed, items=files[1])
    for name in TABLES:
        of_chat, of_typed = (
            pq.read_table(run / f"{name}.parquet").replace_schema_metadata(None) for run in (chat, typed)
        )
        assert of_chat.num_rows > 0 and of_chat.equals(of_typed), name
    maps = [load_file(run / "lens_maps.safetensors") for run in (chat, typed)]
    assert maps[0].keys() == maps[1].keys()
    for key, of_chat in maps[0].items():
        # Not a number where a prompt lacks a position.
        torch.testing.assert_close(of_chat, maps[1][key], rtol=0, atol=0, equal_nan=True)
    for name in ("lens_maps.json", "format_check.json", "families.json"):
        assert read(chat / name) == read(typed / name)
    assert (chat / "items.jsonl").read_text() == (typed / "items.jsonl").read_text()
    summaries = [read(run / "summary.json") for run in (chat, typed)]
    assert [summary.pop("framing") for summary in summaries] == ["chat", "raw"]
    caveats = [summary.pop("warnings") for summary in summaries]
    told = [[caveat_sentence(Caveat.model_validate(caveat)) for caveat in of_run] for of_run in caveats]
    assert told[0] == ["Asked inside the chat template: not comparable with raw runs", *told[1]]
    assert len({summary.pop("run") for summary in summaries}) == 2 and summaries[0] == summaries[1]


def test_a_chat_run_says_what_plain_transformers_says_after_the_template(chat: Path) -> None:
    checkpoint = model()
    request = [{"role": "user", "content": REQUEST}]
    ahead = list(checkpoint.tokenizer.apply_chat_template(request, tokenize=True, return_dict=False))
    assert ahead.count(checkpoint.tokenizer.bos_token_id) == 1
    rows = {row["item"]: row for row in pq.read_table(chat / "behaviour.parquet").to_pylist()}
    raw = {item["id"]: item for item in asked()}
    for key, item in raw.items():
        ids = ahead + checkpoint.tokenizer(item["prompt"], add_special_tokens=False)["input_ids"]
        with torch.no_grad():
            logits = checkpoint.model(torch.tensor([ids])).logits[0, -1]
        answer, foil = (checkpoint.tokenizer.convert_tokens_to_ids(item[name].strip()) for name in ("answer", "foil"))
        assert rows[key]["logit_difference"] == pytest.approx(float(logits[answer] - logits[foil]), abs=1e-4)


def test_the_manifest_names_framing_prompt_prefix_and_template(chat: Path) -> None:
    manifest = read(chat / "manifest.json")
    assert (manifest["config"]["framing"], manifest["config"]["prompt_prefix"]) == ("chat", PREFIX)
    digest = hashlib.sha256(json.dumps(TEMPLATE).encode()).hexdigest()
    assert manifest["checkpoint"]["chat_template_sha256"] == digest


@pytest.mark.parametrize("way", ["raw", "empty-think"])
def test_a_run_is_not_gone_on_with_in_another_framing(way: Any, files: tuple[Path, Path], tmp_path: Path) -> None:
    checkpoint, out = model(TEMPLATE + "<think> </think> "), tmp_path / "run"

    for first, second in ((way, "chat"), ("chat", way)):
        here = out / first
        # Begun is enough: the directory belongs to its configuration from the manifest on.
        with pytest.raises(Stopped):
            locate(checkpoint, replace(CHAT, framing=first), here, items=files[0], controls=RunControls(on_run=stop))
        with pytest.raises(StrataError, match="framing") as refused:
            locate(checkpoint, replace(CHAT, framing=second), here, items=files[0])
        assert refused.value.exit_code == 2 and "\n" not in str(refused.value)


def test_another_template_is_another_run(files: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        locate(model(), CHAT, tmp_path / "run", items=files[0], controls=RunControls(on_run=stop))
    with pytest.raises(StrataError, match="prompt_prefix"):
        locate(model("{{ messages[0].content }} of the 1 of . is in the "), CHAT, tmp_path / "run", items=files[0])


def test_a_plan_counts_the_prefix_of_every_prompt(files: tuple[Path, Path], tmp_path: Path) -> None:
    plans = [
        plan_locate(model(), LocateConfig(framing=framing), tmp_path, items=files[0], trial=False)
        for framing in ("raw", "chat")
    ]
    assert plans[1].tokens - plans[0].tokens == len(asked()) * len(PREFIX.split())
    assert plans[1].longest - plans[0].longest == len(PREFIX.split())
    assert all(plans[1].passes[name] > count for name, count in plans[0].passes.items())


def test_a_prompt_prefix_belongs_to_a_framing() -> None:
    with pytest.raises(StrataError, match="no prompt prefix"):
        LocateConfig(prompt_prefix="the ")
    with pytest.raises(StrataError, match="--framing is 'caht'"):
        LocateConfig(framing="caht")  # the mistake that is tested
    assert LocateConfig(framing="chat", prompt_prefix="the ").prompt_prefix == "the "


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_checkpoint(tmp_path_factory.mktemp("model") / "tiny")


@pytest.mark.parametrize("verb", ["locate", "compare"])
def test_a_model_without_a_template_is_told_so_on_the_command_line(verb: str, saved: Path, tmp_path: Path) -> None:
    items = write_items(tmp_path / "items.jsonl")
    models = [saved] if verb == "locate" else [saved, saved]
    done = strata(verb, *models, "--items", items, "--framing", "chat", "--out", tmp_path / "run")
    assert done.returncode == 2 and done.stdout == "" and "Traceback" not in done.stderr
    assert "--framing chat needs a chat template" in done.stderr and "Use --framing raw" in done.stderr
    assert not (tmp_path / "run").exists()


def test_a_misspelt_framing_gets_the_nearest(saved: Path, tmp_path: Path) -> None:
    done = strata("locate", saved, "--framing", "emptythink", "--out", tmp_path / "run")
    assert done.returncode == 2 and "Did you mean empty-think?" in done.stderr
