"""A seeded sample of the architectures is verified or refused; what is read wrongly, crashes or never ends is told from both."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import torch

from strata.probes.backends import torch_hooks
from strata.probes.checkpoints import block_description
from strata.probes.checkpoints import open_spec as opening
from strata.probes.errors import StrataError
from strata.probes.verification.architectures import all_architectures as architectures
from strata.probes.verification.architectures.all_architectures import architecture_names, verify_architectures
from strata.probes.verification.architectures.tiny_checkpoint import NotBuiltError, save_tiny
from strata.probes.verification.architectures.tiny_config import VARIANTS
from strata.probes.verification.architectures.verdict import Verdict, verdict_on

VERIFIED = (
    *("gpt2", "llama", "gemma3_text", "inkling_text", "phi3 (long rope)", "llama (dynamic rope)"),
    "moss_transcribe_diarize",  # gives its decoder no position ids while it writes
    "phi4_multimodal",  # begins its cache anew where the width of the batch crosses a length
    "nemotron_h",  # blocks of one step each: state space, attention, MLP, experts
    "deepseek_v4",  # several streams a token
    "openai-gpt",  # norms in the stream, no final norm, no cache
    "rwkv",  # state space alone
)
AS_A_WHOLE = ("inkling_text", "rwkv")
"""Their blocks can only be edited whole."""
REFUSED = {
    "prophetnet": "it predicts several tokens ahead from as many streams side by side",
    "xlnet": "it predicts tokens in any order",
    "hrm_text": "its two stacks of blocks run in cycles",
}


def saved(name: str, tmp_path: Path) -> Path:
    model_type, changes = VARIANTS.get(name, (name, {}))
    save_tiny(model_type, tmp_path / "model", 0, changes)
    return tmp_path / "model"


def test_a_sample_agrees_with_plain_hugging_face_or_is_refused_in_one_sentence() -> None:
    verdicts = {verdict.name: verdict for verdict in verify_architectures([*VERIFIED, *REFUSED], workers=2)}
    assert [verdicts[name].status for name in VERIFIED] == ["verified"] * len(VERIFIED), verdicts
    for name in AS_A_WHOLE:
        assert (verdicts[name].mixers, verdicts[name].channels) == (("whole block",), ())
    for name, reason in REFUSED.items():
        assert verdicts[name].status == "refused"
        assert " is not supported, because " in verdicts[name].why and reason in verdicts[name].why
        assert f"({name})" in verdicts[name].why and "\n" not in verdicts[name].why


def test_all_causal_types_of_the_library_are_asked() -> None:
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING

    types = {config.model_type for config in MODEL_FOR_CAUSAL_LM_MAPPING}
    assert types <= set(architecture_names()) and len(types) > 150
    with pytest.raises(StrataError, match="no causal architecture 'nonsense'"):
        verify_architectures(["nonsense"])


def test_the_same_seed_makes_the_same_model(tmp_path: Path) -> None:
    files = []
    for number, seed in enumerate((0, 0, 1)):
        save_tiny("gpt2", tmp_path / str(number), seed)
        files.append((tmp_path / str(number) / "model.safetensors").read_bytes())
    assert files[0] == files[1] != files[2]


def test_a_type_that_cannot_be_built_says_why(tmp_path: Path) -> None:
    with pytest.raises(NotBuiltError, match=r"hidden size \(32\) is not a multiple of the number of attention heads"):
        save_tiny("llama", tmp_path / "m", 0, {"num_attention_heads": 3})


def test_batch_mates_that_change_numbers_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "embed_row_by_row", lambda model: None)
    verdict = verdict_on("phi3 (long rope)", saved("phi3 (long rope)", tmp_path), 0)
    assert verdict.status == "disagrees" and verdict.is_fault and "differs from plain Hugging Face" in verdict.why


@pytest.mark.parametrize("what", ["mlp_out", "resid_post"])
def test_a_reading_that_is_off_behind_the_gate_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """Only rows longer than the gate's are read wrongly."""
    derive = torch_hooks._derive

    def wrong(model: Any, sites: Any, by_site: dict[Any, torch.Tensor]) -> None:
        derive(model, sites, by_site)
        for site, value in by_site.items():
            if site.name == what and value.shape[1] > 20:
                by_site[site] = value * 1.001

    monkeypatch.setattr(torch_hooks, "_derive", wrong)
    verdict = verdict_on("llama", saved("llama", tmp_path), 0)
    assert verdict.status == "disagrees" and (verdict.worst or 0) > 2


def ends(name: str, _seed: int, answers: Any) -> None:
    if name == "gpt2":
        import os

        os._exit(9)
    if name == "llama":
        time.sleep(600)
    answers.send(Verdict(name, "verified", ""))


def test_a_crash_and_an_endless_run_cost_their_own_row_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(architectures, "_judge", ends)
    verdicts = verify_architectures(["llama", "gpt2", "mistral", "phi"], workers=2, time_limit=4.0)
    assert [verdict.status for verdict in verdicts] == ["broken", "broken", "verified", "verified"]
    assert "stopped after 4 seconds" in verdicts[0].why and "exit code 9" in verdicts[1].why
    assert all(verdict.is_fault for verdict in verdicts[:2])


def test_a_channel_part_that_reads_tokens_before_is_found_where_it_is_described_as_an_mlp(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every sum over its steps is right: only interventions tell."""
    monkeypatch.setattr(block_description, "_RULES", block_description._RULES[1:])
    monkeypatch.setattr(block_description, "_LAST_WRITERS", (("attn_sconv", "mlp_sconv"),))
    verdict = verdict_on("inkling_text", saved("inkling_text", tmp_path), 0)
    assert verdict.status == "disagrees" and "the clean run's attention at the last position" in verdict.why
