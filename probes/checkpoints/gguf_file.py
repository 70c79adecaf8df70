"""A GGUF file as an ordinary float32 model and tokenizer."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from strata.probes.checkpoints.gguf_header import refuse_impossible_gguf
from strata.probes.checkpoints.identity import remembered_sha256
from strata.probes.checkpoints.quiet_libraries import first_line
from strata.probes.errors import StrataError


def load_gguf(file: Path, dtype: torch.dtype = torch.float32, **options: Any) -> tuple[Any, Any]:
    """De-quantises `file` into (model, tokenizer). Raises StrataError when the file is truncated or unsupported."""
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers import modeling_gguf_pytorch_utils as loader

    check_gguf(file)
    tqdm = loader.tqdm
    loader.tqdm = partial(tqdm, disable=True)  # its own bar is drawn whatever transformers is told
    try:
        with alone(file) as directory:
            model, loaded = AutoModelForCausalLM.from_pretrained(
                directory, gguf_file=file.name, dtype=dtype, local_files_only=True, trust_remote_code=False,
                output_loading_info=True, **options,
            )  # fmt: skip
            tokenizer = AutoTokenizer.from_pretrained(
                directory, gguf_file=file.name, local_files_only=True, trust_remote_code=False
            )
    except Exception as error:  # the reader raises bare ValueError, IndexError, KeyError and numpy errors
        raise StrataError(
            f"{file} could not be read as a GGUF model ({first_line(error)})",
            "Check that the download is complete and that transformers supports its architecture",
        ) from error
    finally:
        loader.tqdm = tqdm
    missing = sorted(loaded["missing_keys"])
    if missing:
        raise StrataError(
            f"{file} lacks {len(missing)} weights of {type(model).__name__}, among them {missing[0]}",
            "Copy or download it again: a model with made-up weights would be measured otherwise",
        )
    # The weights are plain floats now; the marker left behind would only forbid saving them.
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.hf_quantizer = None
    return model, tokenizer


@contextmanager
def alone(file: Path) -> Iterator[Path]:
    """A directory that holds nothing but `file`.

    Beside a GGUF file transformers takes an adapter, another model's tokenizer or a chat template for a part of it.
    """
    with TemporaryDirectory() as directory:
        (Path(directory) / file.name).symlink_to(file.resolve())
        yield Path(directory)


def hash_gguf(file: Path) -> str:
    """sha256 over (name, storage type, shape, bytes) of every tensor in name order, whatever dtype it is opened in.

    Remembered in the cache while the file is untouched.
    """
    return remembered_sha256("weight_hashes", [file], lambda: _hash(file))


def _hash(file: Path) -> str:
    from gguf import GGUFReader

    digest = hashlib.sha256()
    for tensor in sorted(GGUFReader(str(file)).tensors, key=lambda tensor: str(tensor.name)):
        digest.update(f"{tensor.name}\0{tensor.tensor_type.name}\0{tuple(tensor.shape.tolist())}\0".encode())
        digest.update(tensor.data.tobytes())
    return digest.hexdigest()


def check_gguf(file: Path) -> None:
    """Raises StrataError when `file` isn't a whole GGUF file. Reads only its header."""
    from gguf import GGUFReader

    refuse_impossible_gguf(file)
    try:
        reader = GGUFReader(str(file))
        end = max((int(t.data_offset) + int(t.n_bytes) for t in reader.tensors), default=0)
    except Exception as error:  # a truncated file fails anywhere in the reader, with whatever comes up
        raise StrataError(f"{file} is truncated or damaged", "Copy or download it again") from error
    if end == 0 or end > file.stat().st_size:
        raise StrataError(
            f"{file} ends after {file.stat().st_size} bytes, its tensors need {end}",
            "Copy or download it again",
        )
