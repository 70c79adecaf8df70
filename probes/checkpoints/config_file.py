"""What does a directory's config.json say, as transformers understands it, without any code that came with it?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from strata.probes.checkpoints.quiet_libraries import guarded
from strata.probes.checkpoints.refusals import read_config, refuse_own_code

if TYPE_CHECKING:
    from transformers import PreTrainedConfig


def stated_config(directory: Path) -> PreTrainedConfig:
    """With the defaults of its model type. Raises StrataError for a file that can't be read, or only by code of its own."""
    from transformers import AutoConfig

    refuse_own_code(directory, read_config(directory), "No code is run to compare weights; --no-weights judges by name")
    return guarded(
        lambda: AutoConfig.from_pretrained(directory, local_files_only=True, trust_remote_code=False),
        f"{directory}/config.json could not be read",
        "Check the checkpoint",
    )
