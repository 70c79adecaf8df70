"""What was odd about opening a checkpoint stands beside everything that is measured of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from small_world import compare_command, lora, save_checkpoint, small_items, write_items
from transformers import AutoTokenizer

from strata.dashboards.cli.main import main
from strata.dashboards.sentences.item_exclusions import exclusion_words
from strata.experiments.results.item_exclusions import WhyExcluded


@pytest.fixture(scope="module")
def adapted(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A base under an adapter that names another one."""
    here = tmp_path_factory.mktemp("adapted")
    base, adapter = save_checkpoint(here / "base"), lora(here / "lora")
    settings = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps({**settings, "base_model_name_or_path": "org/another"}))
    return f"{base}+{adapter}"


TOLD = "names org/another as its base"
SMALL = ["--no-random-init", "--draws", "100", "--folds", "2", "--lens-maps", "1", "--positions", "last"]
QUICK = ["--causal-map", "none", *SMALL, "--display", "none"]


@pytest.mark.parametrize(
    "words", [[verb, *json] for verb in ("lens", "verify", "capture") for json in ([], ["--json"])]
)
def test_a_verb_that_leaves_no_run_says_it_beside_its_result(
    adapted: str, words: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "texts.txt").write_text("the a is\n")
    asked = {
        "lens": ["the a is"],
        "verify": ["--backends", "torch"],
        "capture": [str(tmp_path / "texts.txt"), "--out", str(tmp_path / "captured")],
    }
    assert main([words[0], adapted, *asked[words[0]], *words[1:], "--display", "none"]) == 0
    out, err = capfd.readouterr()
    (line,) = [line for line in err.splitlines() if line.startswith("caveat: ")]
    assert TOLD in line
    if "--json" in words:
        (caveat,) = json.loads(out)["caveats"]
        assert TOLD in caveat


def test_a_page_of_one_prompt_says_it(adapted: str, tmp_path: Path) -> None:
    assert main(["lens", adapted, "the a is", "--out", str(tmp_path / "lens.html"), "--display", "none"]) == 0
    assert TOLD in (tmp_path / "lens.html").read_text()


@pytest.mark.thorough
def test_a_run_keeps_it_in_its_manifest_and_a_comparison_under_its_model(adapted: str, tmp_path: Path) -> None:
    items, out = write_items(tmp_path / "items.jsonl"), tmp_path / "run"
    assert main(["locate", adapted, "--items", str(items), "--out", str(out), *QUICK]) == 0
    for name in ("manifest.json", "summary.json"):
        warnings = json.loads((out / name).read_text())["warnings"]
        (opened,) = [warning["opened"] for warning in warnings if warning["code"] == "opened"]
        assert (opened["code"], opened["named"]) == ("adapter-of-other-base", "org/another")
    base, _, _ = adapted.partition("+")
    both = tmp_path / "both"
    nothing_exchanged = ("--causal-map", "none", "--swap-pairs", "0", "--contrast-items", "0", "--display", "none")
    assert main(compare_command(base, adapted, items, both, *nothing_exchanged)) == 0
    (caveat,) = [
        warning
        for warning in json.loads((both / "comparison.json").read_text())["warnings"]
        if warning["caveat"]["code"] == "opened"
    ]
    assert caveat["model"] == "distilled"


def test_items_that_need_a_token_without_an_embedding_are_counted_everywhere(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model = save_checkpoint(tmp_path / "m")
    tokenizer = AutoTokenizer.from_pretrained(model)
    tokenizer.add_tokens([f"unused{n}" for n in range(80 - len(tokenizer))] + ["<think>"])
    tokenizer.save_pretrained(model)
    asked = small_items()
    asked[0]["prompt"] = "<think> " + asked[0]["prompt"]
    asked[0]["spans"] = {}
    items = tmp_path / "items.jsonl"
    items.write_text("".join(json.dumps(item) + "\n" for item in asked))
    reason = "needs '<think>', which the model has no embedding for (the tokenizer has 81 tokens, the model 80)"
    why = WhyExcluded(code="no-embedding", token="<think>", n_tokenizer=81, n_model=80)
    assert exclusion_words(why.as_text()) == reason
    out = tmp_path / "run"
    assert main(["locate", str(model), "--items", str(items), "--out", str(out), *QUICK]) == 0
    assert json.loads((out / "manifest.json").read_text())["excluded"] == {why.as_text(): 1}
    capfd.readouterr()
    for trial in ([], ["--no-trial"]):
        assert main(["plan", str(model), "--items", str(items), "--json", *trial]) == 0
        plan = json.loads(capfd.readouterr().out)
        assert (plan["excluded"], plan["items"]) == ({why.as_text(): 1}, len(asked) - 1)
    assert main(["items", "check", str(items), "--checkpoint", str(model), "--json"]) == 0
    families = json.loads(capfd.readouterr().out)["families"]
    assert sum(family["scored"] for family in families) == len(asked) - 1
    assert [left for family in families for left in family["excluded"]] == [[reason, 1]]
    assert main(["lens", str(model), "the <think> is"]) == 2
    message = capfd.readouterr().err
    assert (
        "'<think>' (id 80)" in message
        and "the tokenizer has 81 tokens, the model 80" in message
        and "Traceback" not in message
    )
    assert main(["lens", str(model), "the a is", "--answer", "<think>"]) == 2
    assert "needs '<think>'" in capfd.readouterr().err
