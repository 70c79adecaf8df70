"""Imported by the server that each architecture's process is forked from: what is slow to import is there already."""

from __future__ import annotations

import torch
import transformers.generation
import transformers.modeling_utils
import transformers.models.auto.modeling_auto  # noqa: F401

import strata.probes.verification.architectures.verdict  # noqa: F401

torch.set_num_threads(1)
