"""What does a directory's config.json say, as transformers understands it, without any code that came with it?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from probes.checkpoints.quiet import first_line, quietly
from probes.checkpoints.refusals import read_config
from probes.errors import StrataError

if TYPE_CHECKING:
    from transformers import PreTrainedConfig


def stated_config(directory: Path) -> PreTrainedConfig:
    """With the defaults of its model type; of a type that only code of its own knows, what is written down alone.

    Raises StrataError for a file that can't be read.
    """
    from transformers import CONFIG_MAPPING, AutoConfig, PreTrainedConfig

    stated = read_config(directory)
    known = stated.get("model_type") in CONFIG_MAPPING
    try:
        return quietly(
            lambda: (
                AutoConfig.from_pretrained(directory, local_files_only=True, trust_remote_code=False)
                if known
                else PreTrainedConfig.from_dict(stated)
            )
        )
    except (ValueError, OSError, KeyError, ImportError, TypeError, AttributeError) as error:
        raise StrataError(
            f"{directory}/config.json could not be read ({first_line(error)})", "Check the checkpoint"
        ) from error
