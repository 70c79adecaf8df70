"""Where do these numbers come from? Command, hashes, versions, self-tests, times; no path, host or user of a machine."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from strata.dashboards.sentences.item_exclusions import exclusion_words
from strata.dashboards.sentences.run_caveats import caveat_sentence
from strata.dashboards.text import count, visible, without_paths
from strata.dashboards.view.schema_parts import ManifestView, Provenance, SelfTestView
from strata.dashboards.view.tables import RunTables
from strata.experiments.items.framing import FRAMING_TEXT
from strata.experiments.results.caveats import Caveat
from strata.experiments.run.manifest import JsonObject, Manifest

Fact = tuple[str, str | int | None]
"""What it is called, and what it is; an empty one isn't shown."""
_UNITS = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


def build_provenance(run: RunTables) -> Provenance:
    """Facts are [name, value] pairs in reading order; `command` can be pasted after its paths are put back."""
    m, checkpoint, items = run.manifest, run.manifest.checkpoint, run.manifest.items
    by_kind = ", ".join(f"{n} {kind}" for kind, n in items.by_kind.items())
    facts: list[Fact] = [
        ("Run", m.run_id),
        ("Status", m.status),
        ("Started", m.started),
        ("Ended", m.ended),
        ("Checkpoint", checkpoint.spec),
        ("Source", checkpoint.source),
        ("Weights sha256", checkpoint.weights_sha256),
        ("Tokenizer sha256", checkpoint.tokenizer_sha256),
        ("Shape", f"{run.n_layers} blocks, width {checkpoint.d_model}, vocabulary {checkpoint.vocab_size}"),
        ("Device", m.device),
        ("Precision", m.dtype),
        ("Attention", m.attention),
        ("Seed", m.seed),
        ("Items", f"{count(items.n or len(run.behaviour), 'item')}{f' ({by_kind})' if by_kind else ''}"),
        ("Items sha256", items.sha256),
        *framing_facts(m.config or {}, checkpoint.chat_template_sha256),
        ("Code", code_words(m)),
    ]
    return Provenance(facts=shown_facts(facts), **vars(from_manifest(m)))


def asked_words(config: JsonObject) -> str:
    """How the items were asked, to be read after `asked`; runs from before there was a choice were raw."""
    framing = str(config.get("framing") or "raw")
    return FRAMING_TEXT.get(framing, framing)


def framing_facts(config: JsonObject, template_sha256: str | None) -> list[Fact]:
    """What stood before every prompt, from the configuration of a `locate`."""
    prompt_prefix = str(config.get("prompt_prefix") or "")
    return [
        ("Asked", asked_words(config)),
        ("Prompt prefix", visible(prompt_prefix) if prompt_prefix else None),
        ("Chat template sha256", template_sha256),
    ]


def shown_facts(facts: Sequence[Fact]) -> tuple[tuple[str, str], ...]:
    """(name, value) pairs without empty ones and without paths."""
    return tuple((name, str(without_paths(str(value)))) for name, value in facts if value not in (None, ""))


def from_manifest(m: Manifest) -> ManifestView:
    """What the manifest of any verb says: command, versions, configuration, self-tests, stages, what was excluded, warnings."""
    return ManifestView(
        command=" ".join(_quoted(str(without_paths(word))) for word in m.command),
        versions=tuple(sorted(m.versions.items())),
        config=tuple((name, str(without_paths(value))) for name, value in _flat(m.config or {})),
        self_tests=tuple(
            SelfTestView(
                name=test.name, passed=test.passed, value=_scientific(test.value), tolerance=_scientific(test.tolerance)
            )
            for test in m.self_tests
        ),
        stages=tuple(
            (name, f"{stage.seconds:.1f} s", _bytes(stage.peak_memory_bytes or None))
            for name, stage in m.stages.items()
        ),
        excluded=tuple((str(without_paths(exclusion_words(reason))), n) for reason, n in m.excluded.items()),
        warnings=tuple(caveat_sentence(Caveat.read(warning)) for warning in m.warnings),
    )


def code_words(m: Manifest) -> str | None:
    """The commit that measured; None outside of a source tree."""
    return None if m.git is None else f"commit {m.git.commit}{' with local changes' if m.git.dirty else ''}"


def _quoted(word: str) -> str:
    return shlex.quote(word) if any(c in word for c in " \"'$`\\;&|<>()*?\n\t") else word


def _flat(config: JsonObject, prefix: str = "") -> list[tuple[str, str]]:
    out: list[tuple[str, str]] = []
    for key, value in sorted(config.items()):
        if isinstance(value, dict) and value:
            out += _flat(value, f"{prefix}{key}.")
        else:
            out.append((f"{prefix}{key}", str(value)))
    return out


def _scientific(value: float | None) -> str:
    return str(value) if value is None else f"{value:.2g}".replace("-", "−")


def _bytes(n: int | None) -> str:
    if n is None:
        return "–"
    for size, unit in _UNITS:
        if n >= size:
            return f"{n / size:.1f} {unit}"
    return f"{n:.0f} B"
