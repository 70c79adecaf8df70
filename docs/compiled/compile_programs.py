"""Compiles RASP programs whose every lookup has a known block, with Tracr (arXiv 2301.05062), to `programs/NAME.npz`.

Runs in an environment of its own, since Tracr needs jax: `pip install tracr-pypi "jax[cpu]"`, then
`python docs/compiled/compile_programs.py experiments/calibrate/compiled/programs`. Of Strata it needs nothing.

A prompt is `tell SUBJECT is` or `take OPERAND is`. A fact is looked up where the subject stands, after some re-encodings of it, and
moved to the last position. An operand is re-encoded where it stands, moved, and its result is looked up at the last position.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from random import Random

import numpy as np
from tracr.compiler import compiling
from tracr.rasp import rasp

SUBJECTS = [f"{start}{end}" for start in ("Bro", "Cal", "Dov", "Fen") for end in ("an", "el", "in", "or", "us", "ya")]
OPERANDS = [
    f"{tens}{ones}"
    for tens in ("twenty", "thirty", "forty", "fifty")
    for ones in ("one", "two", "three", "four", "five", "six")
]
ANSWERS = ["amber", "birch", "cobalt", "dune", "ember", "fern"]
FRAME = ["tell", "take", "is"]
NONE = "none"
MAX_LENGTH = 24
"""Tracr fails with 3."""

PROGRAMS = {
    # name: (re-encodings of the subject before its fact, re-encodings of the operand before it is moved, seed)
    "facts early": (1, 3, 1),
    "facts late": (5, 1, 2),
    "facts early, deep": (1, 6, 3),
    "facts late, deep": (7, 2, 4),
}


def program_of(recodes_subject: int, recodes_operand: int, rng: Random):
    """(RASP program, fact by subject, result by operand)."""
    facts = dict(zip(SUBJECTS, _evenly(len(SUBJECTS), rng), strict=True))
    results = dict(zip(OPERANDS, _evenly(len(OPERANDS), rng), strict=True))
    content = rasp.Map(lambda token: token in facts or token in results, rasp.tokens)
    subject = Recoded("subject", SUBJECTS, recodes_subject, rng)
    made = rasp.Map(lambda code: facts.get(subject.back.get(code), NONE), subject.at, simplify=False).named("fact")
    moved_fact = _moved(made, content, "moved_fact")
    operand = Recoded("operand", OPERANDS, recodes_operand, rng)
    moved_operand = _moved(operand.at, content, "moved_operand")
    result = rasp.Map(lambda code: results.get(operand.back.get(code), NONE), moved_operand, simplify=False).named(
        "result"
    )
    said = rasp.SequenceMap(lambda fact, worked_out: worked_out if fact == NONE else fact, moved_fact, result).named(
        "said"
    )
    return said, facts, results


class Recoded:
    """`at`: the words' codes after so many permutations, one Map each; `back`: word by its last code."""

    def __init__(self, whose: str, words: list[str], times: int, rng: Random) -> None:
        self.at = rasp.tokens
        self.back = {word: word for word in words}
        for turn in range(times):
            codes = list(range(len(words)))
            rng.shuffle(codes)
            step = {code: f"c{turn}_{new}" for code, new in zip(self.back, codes, strict=True)}
            self.at = rasp.Map(lambda code, step=step: step.get(code, NONE), self.at, simplify=False).named(
                f"{whose}_code_{turn}"
            )
            self.back = {step[code]: word for code, word in self.back.items()}


def _moved(values, content, name):
    from_content = rasp.Select(content, rasp.tokens, lambda key, _query: key)
    return rasp.categorical(rasp.Aggregate(from_content, rasp.categorical(values), default=None).named(name))


def _evenly(count: int, rng: Random) -> list[str]:
    answers = [ANSWERS[place % len(ANSWERS)] for place in range(count)]
    rng.shuffle(answers)
    return answers


def compile_one(name: str, out: Path) -> None:
    recodes_subject, recodes_operand, seed = PROGRAMS[name]
    program, facts, results = program_of(recodes_subject, recodes_operand, Random(seed))
    vocabulary = {*SUBJECTS, *OPERANDS, *FRAME}
    model = compiling.compile_rasp_to_model(
        program, vocab=vocabulary, max_seq_len=MAX_LENGTH, causal=True, compiler_bos="<s>", compiler_pad="<pad>"
    )
    right = 0
    for words, table in ((["tell"], facts), (["take"], results)):
        for word, answer in table.items():
            right += model.apply(["<s>", *words, word, "is"]).decoded[-1] == answer
    config = model.model_config
    arrays = {}
    for layer in range(config.num_layers):
        for mine, theirs in (
            ("query", "attn/query"),
            ("key", "attn/key"),
            ("value", "attn/value"),
            ("attention", "attn/linear"),
            ("up", "mlp/linear_1"),
            ("down", "mlp/linear_2"),
        ):
            part = model.params[f"transformer/layer_{layer}/{theirs}"]
            arrays[f"{layer}.{mine}.w"], arrays[f"{layer}.{mine}.b"] = np.asarray(part["w"]), np.asarray(part["b"])
    arrays["tokens"] = np.asarray(model.params["token_embed"]["embeddings"])
    arrays["positions"] = np.asarray(model.params["pos_embed"]["embeddings"])
    labels = list(model.residual_labels)
    writes = {"attention": _writing(arrays, labels, "attention"), "mlp": _writing(arrays, labels, "down")}
    described = {
        "name": name,
        "program": Path(__file__).name,
        "recodes_subject": recodes_subject,
        "recodes_operand": recodes_operand,
        "seed": seed,
        "layers": config.num_layers,
        "heads": config.num_heads,
        "key_size": config.key_size,
        "words": {word: int(index) for word, index in model.input_encoder.encoding_map.items()},
        "output": {answer: labels.index(f"{program.label}:{answer}") for answer in ANSWERS},
        "writes": writes,
        "facts": facts,
        "results": results,
        "labels": labels,
        "right": right / (len(facts) + len(results)),
    }
    file = out / f"{name.replace(', ', '_').replace(' ', '_')}.npz"
    np.savez_compressed(file, **arrays)
    file.with_suffix(".json").write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")
    print(
        name,
        "blocks",
        config.num_layers,
        "heads",
        config.num_heads,
        "key",
        config.key_size,
        "residual",
        len(labels),
        "hidden",
        config.mlp_hidden_size,
        "right",
        described["right"],
        file.stat().st_size,
    )
    print("  ", writes)


def _writing(arrays: dict[str, np.ndarray], labels: list[str], part: str) -> dict[str, int]:
    """By variable of the program: the block whose attention or MLP writes it."""
    found = {}
    for name, matrix in arrays.items():
        layer, _, kind = name.partition(".")
        if kind == f"{part}.w":
            for row in np.flatnonzero(np.abs(matrix).sum(0) > 0):
                found[labels[row].partition(":")[0]] = int(layer)
    return found


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for each in PROGRAMS if len(sys.argv) < 3 else sys.argv[2:]:
        compile_one(each, folder)
