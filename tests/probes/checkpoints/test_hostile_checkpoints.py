"""A checkpoint, an adapter or a template that asks for what no machine has is refused in one sentence, before anything is built."""

from __future__ import annotations

import json
import os
import re
import struct
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from saved import save_directory, save_gguf
from tiny_models import tiny_tokenizer

from strata.experiments.items.framing import prompt_prefix_of
from strata.probes.checkpoints import sandbox
from strata.probes.checkpoints.config_values import refuse_impossible
from strata.probes.checkpoints.foreign_patterns import refuse_endless_adapter, refuse_endless_tokenizer
from strata.probes.checkpoints.gguf_header import refuse_impossible_gguf
from strata.probes.checkpoints.open_spec import open_checkpoint, open_on_meta
from strata.probes.errors import StrataError

SECONDS = 20
"""Of processor time for any refusal: a build of what is asked would take hours."""


def refused(spec: str | Path, message: str = "") -> None:
    for opener in (open_checkpoint, open_on_meta):
        began = time.process_time()
        with pytest.raises(StrataError) as caught:
            opener(str(spec))
        said = str(caught.value)
        assert re.search(message, said), said
        assert "\n" not in said and len(said) < 2000 and time.process_time() - began < SECONDS


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_directory(tmp_path_factory.mktemp("whole") / "m")


@pytest.fixture
def directory(whole: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "m"
    copy.mkdir()
    for file in whole.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    return copy


def changed(directory: Path, **fields: Any) -> Path:
    file = directory / "config.json"
    config = json.loads(file.read_text()) | fields
    file.write_text(json.dumps(config))
    return directory


@pytest.mark.parametrize(
    "fields",
    [
        {"num_hidden_layers": 10**9}, {"num_hidden_layers": 9000}, {"num_hidden_layers": 0}, {"hidden_size": -1}, {"hidden_size": "x"},
        {"hidden_size": None}, {"num_attention_heads": 0}, {"vocab_size": 0}, {"vocab_size": 10**30}, {"vocab_size": True},
        {"model_type": ["llama"]}, {"model_type": {}}, {"architectures": "x"}, {"architectures": [1]}, {"head_dim": 10**9},
        {"intermediate_size": 2**40}, {"num_key_value_heads": 10**9}, {"max_position_embeddings": 10**18}, {"layer_types": 3},
        {"rope_parameters": []}, {"rms_norm_eps": "x"}, {"hidden_act": "\x1b[31m"}, {"rope_parameters": {"rope_type": "[/]"}},
        {"num_key_value_heads": 3}, {"text_config": []}, {"dtype": "\ud800x"}, {"auto_map": "x"},
    ],
    ids=lambda fields: json.dumps(fields)[:40],
)  # fmt: skip
def test_an_impossible_configuration_is_refused(directory: Path, fields: dict[str, Any]) -> None:
    refused(changed(directory, **fields))


def test_the_defaults_of_every_architecture_are_possible() -> None:
    from transformers import CONFIG_MAPPING
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES as CAUSAL

    tried = 0
    for name in CAUSAL:
        try:
            config = json.loads(CONFIG_MAPPING[name]().to_json_string(use_diff=False))
        except Exception:  # some have no defaults, or need a package that isn't here
            continue
        refuse_impossible(Path(name), config)
        tried += 1
    assert tried > 100


@given(st.dictionaries(st.sampled_from(["num_hidden_layers", "vocab_size", "model_type", "head_dim", "text_config", "layer_types"]),
                       st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))))  # fmt: skip
@settings(max_examples=100)
def test_any_configuration_is_possible_or_refused(config: dict[str, Any]) -> None:
    try:
        refuse_impossible(Path("config.json"), config)
    except StrataError as error:
        assert "config.json" in str(error) and len(str(error)) < 400


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json", "generation_config.json", "chat_template.jinja"])  # fmt: skip
@pytest.mark.parametrize("kind", ["pipe", "zeros"])
def test_what_is_no_regular_file_is_never_waited_for(directory: Path, name: str, kind: str) -> None:
    file = directory / name
    file.unlink(missing_ok=True)
    os.mkfifo(file) if kind == "pipe" else file.symlink_to("/dev/zero")
    refused(directory, "pipe or a device")


@pytest.mark.parametrize("name", ["config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"])
def test_deep_nesting_is_no_traceback(directory: Path, name: str) -> None:
    (directory / name).write_text('{"a":' * 50_000 + "1" + "}" * 50_000)
    for opener in (open_checkpoint, open_on_meta):
        try:
            opener(str(directory))
        except StrataError as error:
            assert len(str(error)) < 2000


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has no end is found out after one second instead of five."""
    monkeypatch.setattr(sandbox, "CPU_SECONDS", 1)


ENDLESS = r"(.*)*(.*)*(.*)*(.*)*(.*)*z"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"target_modules": ENDLESS}, "regular expression in target_modules"),
        ({"target_modules": "(("}, "regular expression in target_modules"),
        ({"rank_pattern": {ENDLESS: 2}}, "regular expression in rank_pattern"),
        ({"exclude_modules": r"(a?){50}a{50}|([a-z_.]+)+\d"}, "regular expression in exclude_modules"),
    ],
)
def test_an_endless_expression_of_an_adapter_is_refused(impatient: None, fields: dict[str, Any], message: str) -> None:
    names = [f"model.layers.{block}.self_attn.q_proj_with_a_long_name" for block in range(3)]
    with pytest.raises(StrataError, match=message):
        refuse_endless_adapter("a", fields, names)


def test_an_ordinary_expression_is_not(tmp_path: Path) -> None:
    fields = {
        "target_modules": r".*\.(q|v)_proj",
        "rank_pattern": {"q_proj": 2, r"layers\.\d+\.x": 4},
        "layers_pattern": None,
    }
    refuse_endless_adapter("a", fields, ["model.layers.0.self_attn.q_proj"])


@pytest.mark.parametrize(
    ("expression", "reason"),
    [("(a+)+$|(a|aa)+b", "PanicException"), ("(?=.*.*.*.*.*b)a", "it takes more than 1 s")],
    ids=["given up by the library", "out of time"],
)
def test_an_endless_expression_of_a_tokenizer_is_refused(
    impatient: None, directory: Path, expression: str, reason: str
) -> None:
    file = directory / "tokenizer.json"
    content = json.loads(file.read_text())
    content["pre_tokenizer"] = {
        "type": "Split",
        "pattern": {"Regex": expression},
        "behavior": "Isolated",
        "invert": False,
    }
    file.write_text(json.dumps(content))
    with pytest.raises(StrataError, match=rf"tokenizer\.json has a regular expression that can't be used \(.*{reason}"):
        refuse_endless_tokenizer(file, ["a"])


@pytest.mark.parametrize(
    "template",
    [
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{{ 'x' * 20000000 }}",
        "{{ 'x' * 100000000000 }}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{{ 1 / 0 }}",
        "{{ '\\ud800' }}",
        "{{ raise_exception('\x1b[31m') }}",
        "{{ ''.__class__.__mro__ }}",
        "{" * 100_000,
    ],
    ids=["loops", "long", "longer than memory", "recursion", "zero", "surrogate", "escape", "sandbox", "braces"],
)
def test_a_hostile_template_is_one_sentence(template: str) -> None:
    broken = tiny_tokenizer()
    broken.chat_template = template
    with pytest.raises(StrataError, match=r"chat template of smol (fails|doesn't write)") as caught:
        prompt_prefix_of(broken, "chat", "smol")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 1000


def header(n_tensors: int, n_values: int, rest: bytes) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", 3, n_tensors, n_values) + rest


def value(name: bytes, kind: int, content: bytes) -> bytes:
    return struct.pack("<Q", len(name)) + name + struct.pack("<I", kind) + content


@pytest.mark.parametrize(
    "content",
    [
        b"", b"GGUF", header(2**40, 0, b""), header(0, 2**40, b""), header(0, 1, value(b"a", 9, struct.pack("<IQ", 4, 2**40))),
        header(0, 1, value(b"a", 9, struct.pack("<IQ", 8, 2**40))), header(0, 1, value(b"a", 8, struct.pack("<Q", 2**62))),
        header(0, 1, struct.pack("<Q", 2**63)), header(0, 1, value(b"a", 99, b"")),
        header(0, 1, value(b"a", 9, struct.pack("<IQ", 9, 1) * 1000)), header(1, 0, struct.pack("<QI", 0, 2**31)),
        header(0, 1, value(b"llama.block_count", 4, struct.pack("<I", 10**9))),
    ],
    ids=range(12),
)  # fmt: skip
def test_a_gguf_file_that_promises_more_than_it_holds_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "x.gguf"
    file.write_bytes(content)
    with pytest.raises(StrataError, match=re.escape(str(file))):
        refuse_impossible_gguf(file)
    refused(file)


@given(place=st.integers(4, 6000), byte=st.integers(0, 255))
@settings(max_examples=80)
def test_a_changed_byte_in_a_gguf_header_ends_at_once(small_gguf: tuple[Path, bytes], place: int, byte: int) -> None:
    file, content = small_gguf
    file.write_bytes(content[:place] + bytes([byte]) + content[place + 1 :])
    try:
        refuse_impossible_gguf(file)
    except StrataError as error:
        assert str(file) in str(error)


@pytest.fixture(scope="module")
def small_gguf(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    file = tmp_path_factory.mktemp("gguf") / "x.gguf"
    save_gguf(file)
    return file, file.read_bytes()


def test_a_gguf_file_with_a_lost_weight_is_refused(small_gguf: tuple[Path, bytes], tmp_path: Path) -> None:
    file = tmp_path / "lost.gguf"
    file.write_bytes(small_gguf[1].replace(b"blk.1.ffn_up.weight", b"blk.1.ffn_uq.weight"))
    with pytest.raises(StrataError):
        open_checkpoint(str(file))


def test_a_rank_that_no_tensor_has_room_for_is_refused(tmp_path: Path, directory: Path) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    model = get_peft_model(
        AutoModelForCausalLM.from_pretrained(directory, local_files_only=True),
        LoraConfig(r=2, target_modules=["q_proj"], task_type="CAUSAL_LM"),
    )
    with torch.no_grad():
        model.save_pretrained(tmp_path / "a")
    file = tmp_path / "a" / "adapter_config.json"
    settings_ = json.loads(file.read_text())
    for rank in (10**9, -1, "x", True, 2.5):
        file.write_text(json.dumps(settings_ | {"r": rank}))
        with pytest.raises(StrataError, match="says r "):
            open_checkpoint(f"{directory}+{tmp_path / 'a'}")


def test_an_id_far_beyond_all_tokens_is_refused_before_the_library_makes_room_for_it(directory: Path) -> None:
    file = directory / "tokenizer.json"
    content = json.loads(file.read_text())
    content["model"]["vocab"]["of"] = 2**31
    file.write_text(json.dumps(content))
    refused(directory, "the id 2147483648")
