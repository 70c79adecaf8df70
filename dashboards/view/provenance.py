"""Where do these numbers come from? Command, hashes, versions, self-tests, times; no path, host or user of a machine."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from strata.dashboards.sentences.caveats import caveat_sentence
from strata.dashboards.sentences.item_exclusions import exclusion_words
from strata.dashboards.text import count, visible, without_paths
from strata.dashboards.view.model_parts import ManifestView, Provenance, SelfTestView
from strata.dashboards.view.tables import Json, RunTables
from strata.experiments.items.framing import FRAMING_TEXT
from strata.experiments.results.caveats import Caveat

_UNITS = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


def build_provenance(run: RunTables) -> Provenance:
    """Facts are [name, value] pairs in reading order; `command` can be pasted after its paths are put back."""
    m = run.manifest
    checkpoint = m.get("checkpoint") or {}
    items = m.get("items") or {}
    by_kind = ", ".join(f"{n} {kind}" for kind, n in (items.get("by_kind") or {}).items())
    facts: list[tuple[str, Any]] = [
        ("Run", m.get("run_id")),
        ("Status", m.get("status")),
        ("Started", m.get("started")),
        ("Ended", m.get("ended")),
        ("Checkpoint", checkpoint.get("spec")),
        ("Source", checkpoint.get("source")),
        ("Weights sha256", checkpoint.get("weights_sha256")),
        ("Tokenizer sha256", checkpoint.get("tokenizer_sha256")),
        (
            "Shape",
            f"{run.n_layers} blocks, width {checkpoint.get('d_model')}, vocabulary {checkpoint.get('vocab_size')}",
        ),
        ("Device", m.get("device")),
        ("Precision", m.get("dtype")),
        ("Attention", m.get("attention")),
        ("Seed", m.get("seed")),
        ("Items", f"{count(int(items.get('n') or len(run.behaviour)), 'item')}{f' ({by_kind})' if by_kind else ''}"),
        ("Items sha256", items.get("sha256")),
        *framing_facts(m.get("config") or {}, checkpoint.get("chat_template_sha256")),
        ("Code", code_words(m)),
    ]
    return Provenance(facts=shown_facts(facts), **vars(from_manifest(m)))


def asked_words(config: Mapping[str, Any]) -> str:
    """How the items were asked, to be read after `asked`; runs from before there was a choice were raw."""
    framing = str(config.get("framing") or "raw")
    return FRAMING_TEXT.get(framing, framing)


def framing_facts(config: Mapping[str, Any], template_sha256: Any) -> list[tuple[str, Any]]:
    """What stood before every prompt, from the configuration of a `locate`."""
    prompt_prefix = str(config.get("prompt_prefix") or "")
    return [
        ("Asked", asked_words(config)),
        ("Prompt prefix", visible(prompt_prefix) if prompt_prefix else None),
        ("Chat template sha256", template_sha256),
    ]


def shown_facts(facts: Sequence[tuple[str, Any]]) -> tuple[tuple[str, str], ...]:
    """(name, value) pairs without empty ones and without paths."""
    return tuple((name, str(without_paths(str(value)))) for name, value in facts if value not in (None, ""))


def from_manifest(m: Json) -> ManifestView:
    """What the manifest of any verb says: command, versions, configuration, self-tests, stages, what was excluded, warnings."""
    excluded = m.get("excluded") or {}
    command = m.get("command") or []
    words = command if isinstance(command, list) else [str(command)]
    return ManifestView(
        command=" ".join(_quoted(str(without_paths(str(w)))) for w in words),
        versions=tuple((k, str(v)) for k, v in sorted((m.get("versions") or {}).items())),
        config=tuple((k, str(without_paths(v))) for k, v in _flat(m.get("config") or {})),
        self_tests=tuple(
            SelfTestView(
                name=str(t.get("name")), passed=bool(t.get("passed")), value=_scientific(t.get("value")),
                tolerance=_scientific(t.get("tolerance")),
            )
            for t in m.get("self_tests") or []
        ),
        stages=tuple(
            (name, f"{float(s.get('seconds') or 0):.1f} s", _bytes(s.get("peak_memory_bytes")))
            for name, s in (m.get("stages") or {}).items()
        ),
        excluded=tuple((str(without_paths(exclusion_words(str(reason)))), int(n)) for reason, n in excluded.items()),
        warnings=tuple(caveat_sentence(Caveat.read(warning)) for warning in m.get("warnings") or []),
    )  # fmt: skip


def code_words(m: Json) -> str | None:
    """The commit that measured; None outside of a source tree."""
    git = m.get("git")
    return None if not git else f"commit {git.get('commit')}{' with local changes' if git.get('dirty') else ''}"


def _quoted(word: str) -> str:
    return shlex.quote(word) if any(c in word for c in " \"'$`\\;&|<>()*?\n\t") else word


def _flat(config: Json, prefix: str = "") -> list[tuple[str, str]]:
    out: list[tuple[str, str]] = []
    for key, value in sorted(config.items()):
        if isinstance(value, dict) and value:
            out += _flat(value, f"{prefix}{key}.")
        else:
            out.append((f"{prefix}{key}", str(value)))
    return out


def _scientific(value: Any) -> str:
    return (
        f"{value:.2g}".replace("-", "−")
        if isinstance(value, int | float) and not isinstance(value, bool)
        else str(value)
    )


def _bytes(n: Any) -> str:
    if not isinstance(n, int | float):
        return "–"
    for size, unit in _UNITS:
        if n >= size:
            return f"{n / size:.1f} {unit}"
    return f"{n:.0f} B"
