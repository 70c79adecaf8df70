"""The gate refuses in one sentence what isn't read rightly, and looks at prompts in their whole length."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_models import tiny_checkpoint, tiny_model, tiny_tokenizer
from torch import nn

from strata.probes.capture.capture_texts import capture
from strata.probes.checkpoints import block_description
from strata.probes.checkpoints import open_spec as opening
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.open_spec import checkpoint_from, open_checkpoint, open_on_meta
from strata.probes.checkpoints.stretched_rope import embed_row_by_row, thresholds_of
from strata.probes.errors import NotSupportedError, SelfTestError, StrataError
from strata.probes.prompts.prompt import Prompt
from strata.probes.public_api import patch as patching
from strata.probes.public_api.ablate import ablate
from strata.probes.public_api.patch import patch
from strata.probes.public_api.read_lens import logit_lens
from strata.probes.verification import before_measuring
from strata.probes.verification.architectures.plain_forward import PlainModel
from strata.probes.verification.architectures.tiny_checkpoint import save_tiny
from strata.probes.verification.architectures.verdict import random_prompts
from strata.probes.verification.before_measuring import admit
from strata.probes.verification.model_self_tests import SelfTest, run_self_tests
from strata.probes.verification.shape_check import check_shapes


def ablate_two(checkpoint: Checkpoint, texts: Sequence[str]) -> object:
    return ablate(checkpoint, texts, [" x", " y"], method="zero")


def patch_two(checkpoint: Checkpoint, texts: Sequence[str]) -> object:
    one, other = texts
    # Either way round: the model prefers one of the answers after the one text, whichever that is.
    pairs = [(one, " x", other, " y"), (one, " y", other, " x")]
    return patch(checkpoint, pairs, components="block_out", least_difference=0)


SHORT = [Prompt("a", tuple(range(5, 11))), Prompt("b", tuple(range(5, 9)))]
LENGTH = "streams do not depend on how long the prompts beside and before them are"


class Wrapped(nn.Module):
    """A module whose output is changed on its way out."""

    def __init__(self, inner: nn.Module, change: Any) -> None:
        super().__init__()
        self.inner, self.change = inner, change

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        output = self.inner(*args, **kwargs)
        return (self.change(output[0]), *output[1:]) if isinstance(output, tuple) else self.change(output)


def test_sound_models_pass(tiny_models: Any) -> None:
    noted: list[SelfTest] = []
    tests = admit(tiny_models("gpt2"), SHORT, record=noted.extend)
    assert tuple(noted) == tests and all(test.passed for test in tests)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("gemma3n_text", r"what enters block 0 has several streams a token \(shape \(4, 2, 3, 32\)"),
        ("hy_v4", r"what enters block 0 has several streams a token \(shape \(2, 3, 2, 32\)"),
    ],
)
def test_several_streams_of_an_unknown_kind_are_refused_with_and_without_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, sentence: str
) -> None:
    monkeypatch.setattr(block_description, "_STREAMS_ALONG", {})
    save_tiny(name, tmp_path / "m", 0)
    for checkpoint in (open_checkpoint(str(tmp_path / "m"), device="cpu"), open_on_meta(str(tmp_path / "m"))):
        with pytest.raises(NotSupportedError, match=rf"\({name}\) is not supported, because {sentence}"):
            check_shapes(checkpoint)


@pytest.mark.parametrize("name", ["llama", "gpt2", "mixtral", "gemma3_text"])
def test_shapes_are_looked_at_without_weights(tmp_path: Path, name: str) -> None:
    save_tiny(name, tmp_path / "m", 0)
    assert check_shapes(open_on_meta(str(tmp_path / "m"))) is None


def test_no_blocks_are_refused_on_opening(tmp_path: Path) -> None:
    save_tiny("llama", tmp_path / "m", 0, {"num_hidden_layers": 0})
    for opened in (open_checkpoint, open_on_meta):
        with pytest.raises(StrataError, match="num_hidden_layers is 0, and may be from 1"):
            opened(str(tmp_path / "m"))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda h: h.flatten(), "is flattened over rows and tokens"),
        (lambda h: h[None], "has several streams a token"),
        (lambda h: h[..., :8], "has shape .* instead of"),
    ],
)
def test_an_mlp_whose_output_has_another_shape_is_refused(change: Any, sentence: str) -> None:
    model = tiny_model("llama")
    block: Any = model.model.layers[1]
    block.mlp = Wrapped(block.mlp, change)

    def forward(hidden_states: torch.Tensor, **kwargs: Any) -> torch.Tensor:
        attended = hidden_states + block.self_attn(hidden_states=hidden_states, **kwargs)[0]
        block.mlp(attended)  # whatever comes out, the model itself goes on
        return attended

    block.forward = forward
    with pytest.raises(NotSupportedError, match=f"what the channel part of block 1 adds {sentence}"):
        check_shapes(checkpoint_from(model, tiny_tokenizer()))


def test_a_block_that_is_run_twice_is_refused() -> None:
    model = tiny_model("llama")
    shared = model.model.layers[0]
    body = model.model
    plain = type(shared).forward
    shared.forward = lambda h, *args, **kwargs: plain(shared, h, *args, **kwargs)
    original = copy.copy(body.norm.forward)
    body.norm.forward = lambda h: original(shared.mlp(h))
    with pytest.raises(NotSupportedError, match="the channel part of block 0 adds is computed 2 times in one pass"):
        check_shapes(checkpoint_from(model, tiny_tokenizer()))


def test_flattened_outputs_are_read_and_edited_row_by_row() -> None:
    """As Llama 4's experts give them."""
    plain = tiny_checkpoint("llama")
    model = tiny_model("llama")
    for block in model.model.layers:
        block.mlp = Wrapped(block.mlp, lambda h: h.flatten(0, 1))
        _adds_its_mlp_back(block)
    flat = checkpoint_from(model, tiny_tokenizer())
    assert check_shapes(flat) is None
    flat_tests, wanted = run_self_tests(flat, SHORT), run_self_tests(plain, SHORT)
    assert [test.value for test in flat_tests] == [test.value for test in wanted] and all(
        test.passed for test in flat_tests
    )


def _adds_its_mlp_back(block: Any) -> None:
    def forward(hidden_states: torch.Tensor, **kwargs: Any) -> torch.Tensor:
        attended = hidden_states + block.self_attn(hidden_states=block.input_layernorm(hidden_states), **kwargs)[0]
        return attended + block.mlp(block.post_attention_layernorm(attended)).view(attended.shape)

    block.forward = forward


def test_an_identity_that_fails_names_the_architecture_and_leaves_its_record() -> None:
    checkpoint = tiny_checkpoint("llama")
    block = checkpoint.blocks[1]
    block.register_forward_hook(lambda module, args, output: output * 1.01)
    noted: list[SelfTest] = []
    with pytest.raises(
        NotSupportedError, match=r"^LlamaForCausalLM \(llama\) is not supported, because it fails the self-test"
    ):
        admit(checkpoint, SHORT, record=noted.extend)
    assert not all(test.passed for test in noted)


def test_what_has_passed_is_not_tested_again_until_something_of_it_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint, run, rest = tiny_checkpoint("llama"), before_measuring.run_self_tests, list[int]()

    def counted(*args: Any, **options: Any) -> tuple[SelfTest, ...]:
        rest.append(1)
        return run(*args, **options)

    monkeypatch.setattr(before_measuring, "run_self_tests", counted)
    first = admit(checkpoint, SHORT)
    noted: list[SelfTest] = []
    assert admit(checkpoint, SHORT, record=noted.extend) == first == tuple(noted) and len(rest) == 1
    admit(checkpoint, SHORT[:1])
    assert len(rest) == 2, "other prompts"
    checkpoint.blocks[0].mlp.up_proj.weight[0, 0] += 1.0
    admit(checkpoint, SHORT)
    assert len(rest) == 3, "another weight"
    checkpoint.blocks[1].register_forward_hook(lambda module, args, output: output * 1.01)
    with pytest.raises(NotSupportedError, match="fails the self-test"):
        admit(checkpoint, SHORT)


@pytest.mark.parametrize("call", [capture, logit_lens, ablate_two, patch_two], ids=lambda call: call.__name__)
def test_a_model_that_was_changed_between_two_calls_is_refused(call: Callable[..., object]) -> None:
    checkpoint = tiny_checkpoint("llama")
    capture(checkpoint, ["a b c d e f g h"])
    call(checkpoint, ["a b c d e", "a b h d e"])
    checkpoint.blocks[1].register_forward_hook(lambda module, args, output: output * 1.01)
    with pytest.raises(NotSupportedError, match="fails the self-test"):
        call(checkpoint, ["a b c d e", "a b h d e"])


def test_one_test_serves_calls_on_other_texts_that_are_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint, run, lengths = tiny_checkpoint("llama"), before_measuring.run_self_tests, list[int]()

    def noted(checkpoint: Checkpoint, prompts: Sequence[Prompt], **options: Any) -> tuple[SelfTest, ...]:
        lengths.append(max(len(prompt.ids) for prompt in prompts))
        return run(checkpoint, prompts, **options)

    monkeypatch.setattr(before_measuring, "run_self_tests", noted)
    short, long = Prompt("a", (5, 6, 7)), Prompt("b", (9, 8, 7, 6, 5))
    first = admit(checkpoint, [long], any_prompts=True)
    assert admit(checkpoint, [short], any_prompts=True) is first and lengths == [5]
    admit(checkpoint, [short])
    assert lengths == [5, 3], "a run is tested on its own prompts"
    admit(checkpoint, [long], any_prompts=True)
    assert lengths == [5, 3, 5], "longer than what was tested last"
    admit(checkpoint, [long])
    assert lengths == [5, 3, 5], "a call's test on these very prompts serves a run"


def test_the_tests_of_interventions_are_made_again_with_those_of_the_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint, made = tiny_checkpoint("llama"), list[Checkpoint]()
    run = patching.run_causal_self_tests

    def counted(checkpoint: Checkpoint, pairs: Any) -> tuple[SelfTest, ...]:
        made.append(checkpoint)
        return run(checkpoint, pairs)

    monkeypatch.setattr(patching, "run_causal_self_tests", counted)
    patch_two(checkpoint, ["a b c d e", "a b h d e"])
    patch_two(checkpoint, ["a b h d e", "a b c d e"])
    assert len(made) == 1
    checkpoint.blocks[0].mlp.up_proj.weight[0, 0] += 1.0
    patch_two(checkpoint, ["a b c d e", "a b h d e"])
    assert len(made) == 2


def test_weights_that_give_no_numbers_are_not_the_architectures_fault() -> None:
    checkpoint = tiny_checkpoint("llama")
    checkpoint.blocks[1].mlp.up_proj.weight[0, 0] = torch.nan
    with pytest.raises(
        SelfTestError, match=r"^model\.layers\.1\.mlp\.up_proj\.weight of in memory holds NaN or infinity"
    ):
        admit(checkpoint, SHORT)


def stretched(threshold: int = 24) -> Checkpoint:
    rope = {
        "rope_type": "longrope", "rope_theta": 10000.0, "original_max_position_embeddings": threshold,
        "short_factor": [1.0, 1.1, 1.3, 1.6], "long_factor": [1.0, 3.0, 8.0, 20.0],
    }  # fmt: skip
    return tiny_checkpoint("phi3", original_max_position_embeddings=threshold, rope_parameters=rope)


def test_batch_mates_beyond_the_first_tokens_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The two prompts are alike in their first sixteen tokens; one alone is long enough to change what is beside it."""
    monkeypatch.setattr(opening, "embed_row_by_row", lambda model: None)
    short, long = random_prompts((9, 40), 0)
    with pytest.raises(NotSupportedError, match=f"fails the self-test '{LENGTH}'"):
        admit(stretched(), [short, long])
    admit(stretched(), [short])


def test_prompts_on_both_sides_of_a_threshold_pass() -> None:
    admit(stretched(), random_prompts((9, 40, 24, 25, 12), 0))


def test_what_a_long_prompt_leaves_behind_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "embed_row_by_row", lambda model: None)
    rope = {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 4.0}
    checkpoint = tiny_checkpoint("llama", max_position_embeddings=24, rope_parameters=rope)
    # At the threshold itself transformers doesn't go back to the factors of short prompts.
    short, long = random_prompts((24, 40), 0)
    with pytest.raises(NotSupportedError, match=f"fails the self-test '{LENGTH}'"):
        admit(checkpoint, [short, long])


@pytest.mark.parametrize("name", ["inkling_text", "afmoe", "hyperclovax", "minicpm3", "nanochat"])
def test_families_with_a_scale_or_a_norm_of_their_own_are_read_as_they_add(tmp_path: Path, name: str) -> None:
    save_tiny(name, tmp_path / "m", 0)
    checkpoint = open_checkpoint(str(tmp_path / "m"), dtype="float32", device="cpu")
    prompts = random_prompts((9, 40), 0)
    admit(checkpoint, prompts)
    model = PlainModel(tmp_path / "m").fresh()
    for prompt in prompts:
        outputs: list[torch.Tensor] = []
        handle = model.get_submodule(checkpoint.anatomy.blocks_path)[-1].register_forward_hook(
            lambda module, args, output, outputs=outputs: outputs.append(
                output[0] if isinstance(output, tuple) else output
            )
        )
        with torch.no_grad():
            wanted = model(input_ids=torch.tensor([prompt.ids]), use_cache=False).logits[0]
        handle.remove()
        torch.testing.assert_close(checkpoint.readout.logits(outputs[0][0]), wanted, atol=1e-4, rtol=1e-4)


def test_a_position_embedding_of_another_make_is_left_alone(tiny_models: Any) -> None:
    class Foreign(nn.Module):
        rope_type = "dynamic"

        def forward(self, x: torch.Tensor, seq_len: int) -> torch.Tensor:
            return x[:seq_len]

    model = nn.Sequential(Foreign())
    embed_row_by_row(model)
    assert type(model[0]) is Foreign and thresholds_of(model) == ()
    assert thresholds_of(tiny_models("llama").model) == () and thresholds_of(stretched().model) == (24,)
