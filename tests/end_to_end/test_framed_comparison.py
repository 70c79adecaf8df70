"""Compared inside a chat: every model reads the same text, the distilled one's, and where that is foreign it is said."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from small_comparison import CONFIG, LOCATE, without_probes
from small_world import small_items, write_items
from tiny_models import tiny_model, tiny_tokenizer

from strata.dashboards.sentences.comparison_caveats import caveats
from strata.experiments.compare.caveats import comparison_caveats, given_starts
from strata.experiments.compare.model_specs import Specs
from strata.experiments.compare.models import Models
from strata.experiments.compare.pipeline import compare
from strata.experiments.compare.shared_prompt_prefix import shared_prompt_prefix
from strata.experiments.items.framing import REQUEST
from strata.experiments.items.schema import Kind
from strata.experiments.locate.config import LocateConfig
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.open_spec import checkpoint_from
from strata.probes.errors import StrataError

NAMES = {"base": "BASE", "distilled": "DIST", "control": "CONTROL"}


def opener(template: str | None, seed: int) -> Callable[[], Checkpoint]:
    def opened() -> Checkpoint:
        tokenizer = tiny_tokenizer()
        tokenizer.chat_template = template and "{{ messages[0]['content'] }} " + template
        return checkpoint_from(tiny_model("llama", seed=seed), tokenizer)

    return opened


def models(**templates: str | None) -> Models:
    return Models({role: opener(template, seed) for seed, (role, template) in enumerate(templates.items())})


def prompt_prefix(framing: Any, text: str | None = None, **templates: str | None) -> tuple[str, dict[str, str]]:
    """The text before every prompt, and which models have no template like it."""
    opened = models(**templates)
    ahead = shared_prompt_prefix(opened, NAMES, LocateConfig(framing=framing, prompt_prefix=text))
    in_template = framing != "raw" and text is None
    caveats_found = comparison_caveats(opened, {}, in_chat_template=in_template)
    foreign = [caveat for caveat in caveats_found if caveat.code == "foreign-template"]
    return ahead, dict(foreign[0].templates) if foreign else {}


def test_the_distilled_models_template_is_everybodys_and_foreigners_are_named() -> None:
    assert prompt_prefix("raw", base=None, distilled=None) == ("", {})
    assert prompt_prefix("chat", base="a b ", distilled="a b ", control="a b ") == (f"{REQUEST} a b ", {})
    assert prompt_prefix("chat", base=None, distilled="a b ") == (f"{REQUEST} a b ", {"base": "none"})
    foreign = {"base": "none", "control": "another"}
    assert prompt_prefix("chat", base=None, distilled="a b ", control="b a ") == (f"{REQUEST} a b ", foreign)
    assert prompt_prefix("chat", "typed ", base=None, distilled="a b ") == ("typed ", {})
    with pytest.raises(StrataError, match="the tokenizer of DIST has none"):
        prompt_prefix("chat", base="a b ", distilled=None)


def test_one_kind_that_is_scored_behind_a_given_start_and_another_that_is_not_are_named() -> None:
    knowledge = [{"kind": "knowledge", "n_fed": 0}] * 4
    reasoning = [{"kind": "reasoning", "n_fed": fed} for fed in (1, 2, 1, 0)]
    control = [
        {"kind": "control", "n_fed": 1},
        {"kind": "reasoning", "n_fed": None},
        {"kind": "knowledge", "n_fed": None},
    ]
    assert given_starts([{"kind": "reasoning", "n_fed": None}]) == {}
    given = given_starts([*knowledge, *reasoning, *control])
    assert given == {"knowledge": 0.0, "reasoning": 0.75} and given_starts(reasoning) == {"reasoning": 0.75}
    opened = models(base=None, distilled=None)

    def codes(shares: dict[Kind, float]) -> list[str]:
        return [caveat.code for caveat in comparison_caveats(opened, {}, (), shares, in_chat_template=False)]

    assert codes(given) == ["start-given"]
    assert codes({"knowledge": 0.4, "reasoning": 0.75}) == codes({"reasoning": 1.0}) == codes({}) == []


@pytest.mark.thorough
def test_a_comparison_in_a_chat_asks_all_models_the_same_and_says_so(tmp_path: Path) -> None:
    items, out = write_items(tmp_path / "items.jsonl"), tmp_path / "run"
    locate = replace(LOCATE, framing="chat", draws=100, pairs=4)
    config = replace(CONFIG, locate=locate, swap_pairs=2)
    openers = {"base": opener(None, 0), "distilled": opener("in the ", 1), "control": opener("of the ", 2)}
    specs = Specs("smollm2", "smollm2+think", "smollm2+plain")
    with without_probes():
        comparison = compare(specs, openers, config, out, items=items)
    manifest = json.loads((out / "manifest.json").read_text())
    assert (manifest["config"]["locate"]["framing"], manifest["config"]["locate"]["prompt_prefix"]) == (
        "chat",
        f"{REQUEST} in the ",
    )
    hashes = manifest["chat_template_sha256"]
    assert hashes["base"] is None and hashes["distilled"] != hashes["control"]
    prompts = [f"{REQUEST} in the " + item["prompt"] for item in small_items()]
    for directory in (out, *(out / role for role in openers)):
        lines = [json.loads(line) for line in (directory / "items.jsonl").read_text().splitlines()]
        assert [line["prompt"] for line in lines] == prompts
    assert comparison.framing == "chat"
    template, asked = (caveat.text for caveat in caveats(comparison) if "chat template" in caveat.text)
    assert asked.startswith("Asked inside") and "smollm2 has none" in template
    with pytest.raises(StrataError, match="framing") as refused:
        raw = replace(config, locate=replace(locate, framing="raw"))
        compare(specs, openers, raw, out, items=items)
    assert refused.value.exit_code == 2 and "\n" not in str(refused.value)
