"""Effects of windows of blocks in a planted model, measured by plain Hugging Face with hooks of this file's own."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer

CELLS = {"enrich": ("mlp", "span"), "gather": ("attention", "span"), "move": ("attention", "last"), "work_out": ("mlp", "last")}  # fmt: skip


class HookedWindows:
    """One planted model and its pairs, by family."""

    def __init__(self, checkpoint: Path, items: Path, most: int = 24) -> None:
        self.model: Any = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).eval()
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        body = self.model.base_model
        blocks = list(getattr(body, "layers", None) or body.h)
        self.modules = {
            "mlp": [block.mlp for block in blocks],
            "attention": [
                next(getattr(block, name) for name in ("self_attn", "attn", "attention") if hasattr(block, name))
                for block in blocks
            ],
        }
        self.n_layers, self.most = len(blocks), most
        self.records: Mapping[str, list[dict[str, Any]]] = defaultdict(list)
        for line in items.read_text().splitlines():
            record = json.loads(line)
            self.records[record["family"]].append(record)

    def effects(self, family: str, cell: str, windows: Sequence[tuple[int, int]]) -> list[float]:
        """Mean of denoise and noise by window: ratios of sums of the logit difference's shift."""
        component, where = CELLS[cell]
        shifts, whole = torch.zeros(len(windows)), 0.0
        for clean, foil, answers, span in self._batches(family):
            place, pairs = span if where == "span" else -1, len(clean)
            # Of every window a copy of the pairs, in both directions: all in one run.
            into, offered = torch.cat([foil, clean]), answers.repeat(2, 1)
            donors = self._pieces(torch.cat([clean, foil]), component, place)
            own = self._difference(into, offered)
            whole += float((own[pairs:] - own[:pairs]).sum())
            with self._replaced(component, place, donors, windows):
                replaced = self._difference(into.repeat(len(windows), 1), offered.repeat(len(windows), 1))
            shift = replaced.view(len(windows), 2 * pairs) - own
            shifts += (shift[:, :pairs].sum(1) - shift[:, pairs:].sum(1)) / 2
        return [float(shift) / whole for shift in shifts]

    def accuracy(self, family: str) -> float:
        right = []
        for record in self.records[family]:
            logits = self._logits(torch.tensor([self._ids(record["prompt"])]))[0]
            offered = [self._id(choice) for choice in record["choices"]]
            right.append(offered[int(logits[offered].argmax())] == self._id(record["answer"]))
        return sum(right) / len(right)

    def differences(self, family: str) -> tuple[Tensor, Tensor]:
        """Logit differences answer − foil of all clean and of all counterfactual prompts."""
        batches = list(self._batches(family, most=None))
        clean, foil = (torch.cat([self._difference(batch[side], batch[2]) for batch in batches]) for side in (0, 1))
        return clean, foil

    def _batches(self, family: str, most: int | None = -1) -> Iterator[tuple[Tensor, Tensor, Tensor, int]]:
        by_place: dict[tuple[int, int], list[dict[str, Any]]] = defaultdict(list)
        for record in self.records[family][: self.most if most == -1 else most]:
            ((start, _),) = record["spans"].values()
            span = 1 + record["prompt"][:start].count(" ")
            by_place[len(record["prompt"].split(" ")), span].append(record)
        for (_, span), members in by_place.items():
            clean, foil = (
                torch.tensor([self._ids(record[key]) for record in members]) for key in ("prompt", "foil_prompt")
            )
            assert (clean != foil).sum() == len(members) and (clean != foil)[:, span].all()
            answers = torch.tensor([[self._id(record["answer"]), self._id(record["foil"])] for record in members])
            yield clean, foil, answers, span

    def _ids(self, text: str) -> list[int]:
        return list(self.tokenizer(text)["input_ids"])

    def _id(self, word: str) -> int:
        return int(self.tokenizer.convert_tokens_to_ids(word.strip()))

    @torch.no_grad()
    def _logits(self, ids: Tensor) -> Tensor:
        return self.model(ids, use_cache=False).logits[:, -1].float()

    def _difference(self, ids: Tensor, answers: Tensor) -> Tensor:
        scores = self._logits(ids).gather(1, answers)
        return scores[:, 0] - scores[:, 1]

    def _pieces(self, ids: Tensor, component: str, place: int) -> list[Tensor]:
        pieces: list[Tensor] = []

        def keep(_module: Any, _inputs: Any, output: Any) -> None:
            pieces.append((output[0] if isinstance(output, tuple) else output)[:, place].clone())

        hooks = [module.register_forward_hook(keep) for module in self.modules[component]]
        self._logits(ids)
        for hook in hooks:
            hook.remove()
        return pieces

    @contextmanager
    def _replaced(
        self, component: str, place: int, pieces: Sequence[Tensor], windows: Sequence[tuple[int, int]]
    ) -> Iterator[None]:
        """In a batch that holds the pieces' rows once for every window: in its rows, blocks of the window give the pieces."""

        def hook(block: int) -> Any:
            inside = torch.tensor([first <= block <= last for first, last in windows])

            def put(_module: Any, _inputs: Any, output: Any) -> Any:
                hidden = (output[0] if isinstance(output, tuple) else output).clone()
                of_windows = hidden.view(len(windows), -1, *hidden.shape[1:])
                of_windows[inside, :, place] = pieces[block]
                return (hidden, *output[1:]) if isinstance(output, tuple) else hidden

            return put

        hooks = [module.register_forward_hook(hook(block)) for block, module in enumerate(self.modules[component])]
        yield
        for each in hooks:
            each.remove()
