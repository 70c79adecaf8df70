"""Code that comes with a checkpoint runs only where the command line says so, whatever anybody else answers for the person."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from small_world import save_checkpoint, small_items

from strata.dashboards.cli.main import main
from strata.probes.checkpoints.gguf_file import load_gguf

ROOT = Path(__file__).parents[2]


def with_code(directory: Path, marker: Path, file: str, **fields: object) -> Path:
    """A checkpoint whose own module leaves a mark when it is imported; `fields` in `file` lead there."""
    save_checkpoint(directory)
    (directory / "own.py").write_text(f"open({str(marker)!r}, 'w').close()\n")
    settings = directory / file
    settings.write_text(json.dumps(json.loads(settings.read_text()) | fields))
    return directory


def own_architecture(directory: Path, marker: Path) -> Path:
    code = {"AutoConfig": "own.C", "AutoModelForCausalLM": "own.M"}
    return with_code(directory, marker, "config.json", model_type="own", auto_map=code)


def own_model_of_a_known_type(directory: Path, marker: Path) -> Path:
    code = {"AutoConfig": "own.C", "AutoModelForCausalLM": "own.M", "AutoTokenizer": ["own.T", None]}
    return with_code(directory, marker, "config.json", auto_map=code)


def own_tokenizer(directory: Path, marker: Path) -> Path:
    code = {"AutoTokenizer": ["own.T", "own.T"]}
    return with_code(directory, marker, "tokenizer_config.json", tokenizer_class="OwnT", auto_map=code)


KINDS = (own_architecture, own_model_of_a_known_type, own_tokenizer)


def commands(model: Path, plain: Path, items: Path, out: Path) -> list[list[str]]:
    return [
        ["lens", str(model), "the a is"],
        ["verify", str(model)],
        ["plan", str(model), "--items", str(items)],
        ["capture", str(model), str(items), "--out", str(out / "captured"), "--display", "none"],
        ["probe", str(model), str(items), "--target", "family", "--out", str(out / "probed"), "--display", "none"],
        ["pairs", "verify", str(plain), str(model)],
        ["pairs", "verify", str(model), str(plain)],
        ["pairs", "verify", str(plain), str(plain), "--candidates", str(model)],
        ["items", "check", str(items), "--checkpoint", str(model)],
        ["locate", str(model), "--items", str(items), "--out", str(out / "located"), "--display", "none"],
        ["compare", str(plain), str(model), "--items", str(items), "--out", str(out / "compared"), "--display", "none"],
        ["distill", str(model), "--out", str(out / "distilled"), "--steps", "1", "--display", "none"],
    ]


@pytest.mark.parametrize("make", KINDS)
def test_no_verb_runs_or_asks(
    make: Callable[[Path, Path], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    marker = tmp_path / "ran"
    model, plain = make(tmp_path / "m", marker), save_checkpoint(tmp_path / "plain")
    items = tmp_path / "items.jsonl"
    items.write_text("".join(json.dumps(item) + "\n" for item in small_items()))
    asked: list[str] = []
    monkeypatch.setattr("builtins.input", lambda text="": asked.append(text) or "y")
    capsys.readouterr()  # what saving the models wrote
    given = commands(model, plain, items, tmp_path)
    for words in given if make is own_architecture else given[:6]:
        code = main(words)
        message = capsys.readouterr().err
        assert not asked and not marker.exists(), words
        # Some open without the code: a known architecture, or a tokenizer whose file tells all. The others say what is wrong.
        assert code in (0, 1) or (code == 2 and message.startswith("strata: ") and message.count("\n") == 1), (
            words,
            message,
        )
        if make is own_architecture:
            assert code == 2, words


def test_a_gguf_file_brings_no_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trusted: list[object] = []

    def loaded(*_: object, **options: object) -> None:
        trusted.append(options.get("trust_remote_code"))
        raise ValueError("far enough")

    monkeypatch.setattr("strata.probes.checkpoints.gguf_file.check_gguf", lambda _: None)
    monkeypatch.setattr("transformers.AutoModelForCausalLM.from_pretrained", loaded)
    with pytest.raises(Exception, match="far enough"):
        load_gguf(tmp_path / "m.gguf")
    assert trusted == [False]


@pytest.mark.parametrize("kind", ["manifest", "file", "environment"])
def test_only_the_command_line_can_ask_for_it(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    marker = tmp_path / "ran"
    words = ["lens", str(own_architecture(tmp_path / "m", marker)), "the a is"]
    if kind == "environment":
        monkeypatch.setenv("STRATA_TRUST_REMOTE_CODE", "1")
    elif kind == "manifest":
        foreign = {"schema": "strata.manifest/1", "options": {"trust_remote_code": True}}
        (tmp_path / "manifest.json").write_text(json.dumps(foreign))
        words += ["--config", str(tmp_path / "manifest.json")]
    else:
        (tmp_path / "strata.toml").write_text("trust-remote-code = true\n")
        words += ["--config", str(tmp_path / "strata.toml")]
    assert main(words) == 2
    assert "Add --trust-remote-code to the command" in capsys.readouterr().err
    assert not marker.exists()
    assert main([*words, "--trust-remote-code"]) == 2  # the module has no classes, but now it may be looked into
    assert marker.exists()


def test_a_file_that_switches_it_off_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "strata.toml").write_text("trust-remote-code = false\n")
    words = ["lens", str(save_checkpoint(tmp_path / "m")), "the a is", "--config", str(tmp_path / "strata.toml")]
    assert main(words) == 0


def test_every_call_of_an_auto_class_says_whether_code_may_run() -> None:
    """transformers asks on the terminal where it isn't told."""
    silent = []
    for file in [path for wing in ("probes", "experiments", "dashboards") for path in (ROOT / wing).rglob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            called = ast.unparse(node.func)
            if not called.startswith("Auto") or node.func.attr not in ("from_pretrained", "from_config"):
                continue
            starred = [ast.unparse(keyword.value) for keyword in node.keywords if keyword.arg is None]
            if "trust_remote_code" not in [keyword.arg for keyword in node.keywords] and "options" not in starred:
                silent.append(f"{file.relative_to(ROOT)}:{node.lineno} {called}")
    assert silent == []


@pytest.mark.parametrize("field", ["attn_implementation", "_attn_implementation", "experts_implementation"])
def test_kernels_that_a_configuration_names_are_not_fetched(
    field: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from transformers.integrations import hub_kernels

    asked: list[object] = []
    monkeypatch.setattr(hub_kernels, "is_kernels_available", lambda *a, **k: asked.append(a) or False)
    model = save_checkpoint(tmp_path / "m")
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(config | {field: "evil/kernel"}))
    assert main(["lens", str(model), "the a is"]) == 0, capsys.readouterr().err
    assert not asked


def test_a_kernel_from_the_hub_needs_the_same_word_as_other_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = save_checkpoint(tmp_path / "m")
    (tmp_path / "strata.toml").write_text('attention = "evil/kernel"\n')
    assert main(["lens", str(model), "the a is", "--config", str(tmp_path / "strata.toml")]) == 2
    assert "--attention evil/kernel is code from the hub" in capsys.readouterr().err
