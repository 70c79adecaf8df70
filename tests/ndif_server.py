"""NDIF without a network: requests are made, sent and answered byte by byte as nnsight makes them, the model being here."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch
from nnsight import TransformersModel
from nnsight.intervention.backends.local import LocalSimulationBackend
from nnsight.intervention.backends.remote import RemoteBackend
from nnsight.modeling import huggingface
from nnsight.schema.request import RequestModel
from nnsight.tracing.tracer import _saves

from strata.probes.backends import ndif_requests
from strata.probes.checkpoints.checkpoint import Checkpoint


class Server:
    """Holds one model under a hub id, and notes what was asked of it and how much it sent back."""

    def __init__(self, checkpoint: Checkpoint, hub_id: str) -> None:
        self.model = TransformersModel(checkpoint.model, task="text-generation", tokenizer=checkpoint.tokenizer)
        self.hub_id = hub_id
        self.asked: list[str] = []
        """Model key of every request."""
        self.tokens: list[int] = []
        self.answered: list[int] = []
        """Bytes that travelled back."""
        self.failures: list[Exception] = []
        """What the next requests meet instead of an answer."""
        self.patience: int | None = None
        """How many more are answered before the connection is gone."""

    def installed(self, monkeypatch: Any, directory: Path, scratch: Path) -> Server:
        """The hub gives configuration and tokenizer of `directory`, and no weights."""
        light = scratch / "hub"
        light.mkdir()
        for file in directory.glob("*.json"):
            (light / file.name).write_bytes(file.read_bytes())

        def hub_directory(name: str, revision: str | None, *, weights: bool = True) -> tuple[Path, str]:
            assert name == self.hub_id and not weights
            return light, revision or "commit"

        monkeypatch.setattr("strata.probes.checkpoints.open_spec.hub_directory", hub_directory)
        monkeypatch.setenv("STRATA_CACHE", str(scratch / "cache"))
        monkeypatch.setattr(ndif_requests, "_FIRST_PAUSE", 0.0)
        answer = self._answer

        def request(backend: Any, request: Any, tracer: Any) -> Any:
            return answer(backend, request, tracer)

        monkeypatch.setattr(RemoteBackend, "request", request)
        monkeypatch.setitem(huggingface._ID_CACHE, self.hub_id, self.hub_id)
        monkeypatch.setattr("nnsight.CONFIG.API.APIKEY", "a key")
        monkeypatch.setattr("nnsight.CONFIG.API.COMPRESS", False)
        return self

    def _answer(self, backend: Any, request: Any, tracer: Any) -> Any:
        self.asked.append(request.model_key)
        if self.failures:
            raise self.failures.pop(0)
        if self.patience is not None:
            self.patience -= 1
            if self.patience < 0:
                raise ConnectionError("the network is gone")
        blob = backend._serialize(tracer)
        here = LocalSimulationBackend(self.model)
        hidden = here._hide_local_modules()
        try:
            restored = RequestModel.deserialize(blob, self.model._remoteable_persistent_objects(), backend.compress)
        finally:
            here._restore(hidden)
        self.tokens.append(restored.kwargs["input_ids"].numel())
        restored.execute(restored.info.code)
        file = io.BytesIO()
        saved = _saves()
        torch.save({name: value for name, value in restored.info.frame.f_locals.items() if id(value) in saved}, file)
        self.answered.append(file.tell())
        return backend.finalize(file.getvalue())
