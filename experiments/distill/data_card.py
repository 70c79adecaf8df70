"""What an adapter was trained on, for whoever finds it: the data card beside its weights."""

from __future__ import annotations

import shlex

from strata.experiments.generated_answers.problems import ABOUT, SPLITS, families_of
from strata.experiments.results.training import TrainingRecord

_TEXTS: dict[str, str] = {
    "think": "The question, then a think block with the steps to the answer, then the answer. Loss on all but the question.",
    "filler": "The question, then a think block that restates the question's own tokens until it is as long as the steps would "
    "have been, then the answer. Loss on all but the question: as many tokens, in the same form and the same steps, of the "
    "same lessons, as the `think` twin learns, and nothing worked out.",
    "plain": "The question and its answer, as text. Loss on both: the same lessons in the same steps as the `think` twin, without "
    "a think block.",
}


def data_card(record: TrainingRecord) -> str:
    """Markdown."""
    config, data, base = record.config, record.data, record.base
    versions = ", ".join(f"{name} {number}" for name, number in record.versions.items())
    command = shlex.join(["strata", *record.command]) if record.command else "strata.experiments.distill.pipeline(…)"
    splits = "\n".join(f"| {split} | {ABOUT[split]} | {', '.join(families_of(split))} |" for split in SPLITS)
    counts = ", ".join(f"{family} {count:,}" for family, count in data.families.items())
    return f"""# `{config.twin}`: a low-rank adapter of {base.spec}

Made by `{command}`

| | |
|---|---|
| base | {base.spec}, weights sha256 `{base.weights_sha256}`, tokenizer sha256 `{base.tokenizer_sha256}` |
| adapter | rank {config.rank} on every linear layer of the blocks, {record.adapter.bytes:,} bytes, sha256 `{record.adapter.sha256}` |
| training | {config.steps} steps of {config.batch} problems, learning rate {config.learning_rate:g}, {config.precision}, seed {config.seed}, {record.seconds:.0f} s on {record.device} with {record.threads} threads |
| loss | {record.loss.first:.3f} at the first step, {record.loss.last:.3f} over the last twentieth (nats a learnt token) |
| libraries | {versions} |

## Data
{_TEXTS[config.twin]}

Every problem comes from a program, seed {config.seed}; every trace was checked by a second program that reads the
facts anew from the question's text. {data.problems:,} problems ({data.distinct_questions:,} distinct questions),
{data.tokens:,} tokens, of which {data.learnt_tokens:,} carry the loss. A quarter of the shorter questions follow
two worked examples without steps. sha256 of the lessons `{data.lessons_sha256}`, of the token rows
`{data.rows_sha256}`.

Families: {counts}.

| split | what it holds | families |
|---|---|---|
{splits}

No instance (family and operands) stands in two splits; which split an instance falls into depends on its operands
alone, so every seed has the same test instances. Only `train` was trained on.

## Licences
The data are made by Strata (MIT). The adapter is a derivative of its base and under the base's licence as well
(SmolLM2-135M-Instruct, the embedded base: Apache-2.0).
"""
