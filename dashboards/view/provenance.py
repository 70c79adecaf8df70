"""Where do these numbers come from? Command, hashes, versions, self-tests, times; no path, host or user of a machine."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from strata.dashboards.sentences.framing import asked_words
from strata.dashboards.sentences.item_exclusions import exclusion_words
from strata.dashboards.sentences.provenance import (
    FACTS,
    FactName,
    bytes_words,
    commit_words,
    seconds_words,
    shape_words,
    tested_words,
)
from strata.dashboards.sentences.run_caveats import caveat_sentence
from strata.dashboards.view.schema_parts import ManifestView, Provenance, SelfTestView
from strata.dashboards.visible_text import visible, without_paths
from strata.experiments.run.manifest import JsonObject, Manifest

Fact = tuple[FactName, str | int | None]
"""Which one, and what it is; an empty one isn't shown."""


def build_provenance(m: Manifest, items: str, *, asked: bool = True) -> Provenance:
    """Of a run of one model. `items`: how many there were, in words; `asked`: whether they were questions.

    Facts are [name, value] pairs in reading order; `command` can be pasted after its paths are put back.
    """
    checkpoint = m.checkpoint
    facts: list[Fact] = [
        ("run", m.run_id),
        ("status", m.status),
        ("started", m.started),
        ("ended", m.ended),
        ("checkpoint", checkpoint.spec),
        ("source", checkpoint.source),
        ("weights", checkpoint.weights_sha256),
        ("tokenizer", checkpoint.tokenizer_sha256),
        ("shape", shape_words(checkpoint.n_layers, checkpoint.d_model, checkpoint.vocab_size or None)),
        ("device", m.device),
        ("precision", m.dtype),
        ("attention", m.attention),
        ("backend", m.backend),
        ("seed", m.seed),
        ("items", items),
        ("items_sha256", m.items.sha256),
        *(framing_facts(m.config or {}, checkpoint.chat_template_sha256) if asked else []),
        ("code", code_words(m)),
    ]
    return Provenance(facts=shown_facts(facts), **vars(from_manifest(m)))


def framing_of(config: JsonObject) -> str | None:
    """How the items were asked; None in runs from before there was a choice."""
    framing = config.get("framing")
    return str(framing) if framing else None


def framing_facts(config: JsonObject, template_sha256: str | None) -> list[Fact]:
    """What stood before every prompt, from the configuration of a `locate`."""
    prompt_prefix = str(config.get("prompt_prefix") or "")
    return [
        ("asked", asked_words(framing_of(config))),
        ("prompt_prefix", visible(prompt_prefix) if prompt_prefix else None),
        ("chat_template", template_sha256),
    ]


def shown_facts(facts: Sequence[Fact]) -> tuple[tuple[str, str], ...]:
    """(name, value) pairs without empty ones and without paths."""
    return tuple((FACTS[name], str(without_paths(str(value)))) for name, value in facts if value not in (None, ""))


def from_manifest(m: Manifest) -> ManifestView:
    """What the manifest of any verb says: command, versions, configuration, self-tests, stages, what was excluded, warnings."""
    return ManifestView(
        command=" ".join(_quoted(str(without_paths(word))) for word in m.command),
        versions=tuple(sorted(m.versions.items())),
        config=tuple((name, str(without_paths(value))) for name, value in _flat(m.config or {})),
        self_tests=tuple(
            SelfTestView(
                name=test.name,
                passed=test.passed,
                value=tested_words(test.value),
                tolerance=tested_words(test.tolerance),
            )
            for test in m.self_tests
        ),
        stages=tuple(
            (name, seconds_words(stage.seconds), bytes_words(stage.peak_memory_bytes or None))
            for name, stage in m.stages.items()
        ),
        excluded=tuple((str(without_paths(exclusion_words(reason))), n) for reason, n in m.excluded.items()),
        warnings=tuple(map(caveat_sentence, m.warnings)),
    )


def code_words(m: Manifest) -> str | None:
    """The commit that measured; None outside of a source tree."""
    return None if m.git is None else commit_words(m.git.commit, dirty=m.git.dirty)


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
