"""Which stored weights don't fit the model that config.json describes, and what is most likely wrong?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from strata.probes.checkpoints.tensor_names import canonical_name, is_constant, is_embedding, is_unembedding
from strata.probes.errors import StrataError

Shapes = Mapping[str, tuple[int, ...]]
_BLOCK = re.compile(r"^(.*?\b(?:layers|h|blocks|block))\.(\d+)\.")
_TOWERS = ("language_model.", "text_model.", "vision_tower.", "visual.", "multi_modal_projector.")
_OWN = "Use the config.json that belongs to the weights"


def names_are_kept(model: Any) -> bool:
    """Whether transformers loads this kind of model by the names and shapes that are stored, without converting them."""
    try:
        from transformers.conversion_mapping import get_model_conversion_mapping
    except ImportError:
        return False
    return not get_model_conversion_mapping(model, add_legacy=False)


def refuse_misfit(directory: object, stored: Shapes, model: Any) -> None:
    """Raises StrataError when `stored` can't be the weights of `model`, which may be on the meta device.

    Says nothing about single weights that are missing or left over: transformers knows which of them do no harm.
    """
    wanted = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    _refuse_other_towers(directory, stored, wanted, model)
    canonical_wanted, canonical_stored = _canonical(wanted), _canonical(stored)
    _refuse_other_shapes(directory, canonical_stored, canonical_wanted, model)
    _refuse_other_depth(directory, canonical_stored, canonical_wanted)


def refuse_far_other_depth(directory: object, stored: Shapes, config: Any) -> None:
    """Raises StrataError when `config` asks for so many more blocks than are `stored` that even an empty model isn't worth building."""
    wanted = getattr(config.get_text_config(), "num_hidden_layers", None)
    depth = max(_depths(_canonical(stored)).values(), default=0)
    if isinstance(wanted, int) and depth and wanted > 2 * depth + 8:
        raise StrataError(
            f"config.json of {directory} says {wanted} blocks, but its weights hold {depth}",
            f"{_OWN}: a model with made-up or excluded blocks would be measured otherwise",
        )


def _canonical(shapes: Shapes) -> dict[str, tuple[int, ...]]:
    return {canonical_name(name): shape for name, shape in shapes.items() if not is_constant(name)}


def _refuse_other_towers(directory: object, stored: Shapes, wanted: Shapes, model: Any) -> None:
    """Canonical names hide such a prefix; transformers hides only the one of the model's own body."""
    body = f"{getattr(model, 'base_model_prefix', '')}."
    foreign = [name for name in stored if _in_tower(name.removeprefix(body))]
    if foreign and not any(_in_tower(name) for name in wanted):
        raise StrataError(
            f"The weights of {directory} are named as in a model of text and images ({foreign[0]}), its config.json is that "
            f"of the text model alone ({type(model).__name__})",
            "Use the config.json of the whole model, or save the text model by itself with save_pretrained",
        )


def _in_tower(name: str) -> bool:
    return name.removeprefix("model.").startswith(_TOWERS)


def _refuse_other_shapes(directory: object, stored: Shapes, wanted: Shapes, model: Any) -> None:
    odd = [name for name in stored if name in wanted and stored[name] != wanted[name]]
    if not odd:
        return
    text = model.config.get_text_config()
    ends = [name for name in odd if is_embedding(name) or is_unembedding(name)]
    if ends and len(ends) == len(odd) and all(stored[name][1:] == wanted[name][1:] for name in ends):
        raise StrataError(
            f"config.json of {directory} says vocab_size {text.vocab_size}, but its weights hold {stored[ends[0]][0]} rows: "
            f"{ends[0]} is {_shape(stored[ends[0]])} in the file and {_shape(wanted[ends[0]])} by config.json",
            f"{_OWN} (vocab_size {stored[ends[0]][0]})",
        )
    first = next((name for name in odd if name not in ends), odd[0])
    raise StrataError(
        f"{len(odd)} weights of {directory} have another shape than its config.json says, among them {first}: "
        f"{_shape(stored[first])} in the file, {_shape(wanted[first])} by config.json",
        _OWN,
    )


def _refuse_other_depth(directory: object, stored: Shapes, wanted: Shapes) -> None:
    stored_depths, needed = _depths(stored), _depths(wanted)
    for path, depth in needed.items():
        if (
            path in stored_depths
            and stored_depths[path] != depth
            and not _more_to_come(stored_depths[path], depth, stored, wanted, path)
        ):
            raise StrataError(
                f"config.json of {directory} says {depth} blocks, but its weights hold {stored_depths[path]} ({path}.0 to "
                f"{path}.{stored_depths[path] - 1})",
                f"{_OWN}: a model with made-up or excluded blocks would be measured otherwise",
            )


def _more_to_come(stored_depth: int, depth: int, stored: Shapes, wanted: Shapes, path: str) -> bool:
    """Whether what is stored beyond the blocks is no block like them, such as a head that predicts tokens further on."""
    if stored_depth < depth:
        return False
    like = {name.removeprefix(f"{path}.0.") for name in wanted if name.startswith(f"{path}.0.")}
    beyond = {
        name.removeprefix(f"{path}.{block}.")
        for block in range(depth, stored_depth)
        for name in stored
        if name.startswith(f"{path}.{block}.")
    }
    return beyond != like


def _depths(shapes: Shapes) -> dict[str, int]:
    """How many numbered blocks stand under each path."""
    depths: dict[str, int] = {}
    for name in shapes:
        if block := _BLOCK.match(name):
            depths[block[1]] = max(depths.get(block[1], 0), int(block[2]) + 1)
    return depths


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) or "a single number"
