"""Where is a person's edit to be made? Components, positions, layers and windows, checked before a model runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

from strata.probes.arguments.whole_numbers import whole_numbers
from strata.probes.errors import DoesNotFitError, StrataError, is_out_of_memory
from strata.probes.interventions.minimal_pairs import ALL
from strata.probes.prompts.prompt import Prompt

Places = str | int | Sequence[str | int]
"""`last`, `all`, names of spans, indices into the token ids (negative: from the end)."""
Name = TypeVar("Name", bound=str)


def names_of(what: str, given: str | Sequence[str], known: Iterable[Name]) -> tuple[Name, ...]:
    """One name or several, in the order given. Raises StrataError for none, and for one that isn't among the `known`."""
    names = dict.fromkeys([given] if isinstance(given, str) else given)
    by_name: dict[str, Name] = {name: name for name in known}
    if not names:
        raise StrataError(f"No {what} were given", f"Choose among: {', '.join(by_name)}")
    for name in names:
        if name not in by_name:
            raise StrataError(f"There is no {name!r} among the {what}", f"Choose among: {', '.join(by_name)}")
    return tuple(by_name[name] for name in names)


def windows_of(windows: int | Sequence[int]) -> tuple[int, ...]:
    """Numbers of consecutive blocks that are edited together."""
    sizes = tuple(dict.fromkeys(whole_numbers("windows", windows)))
    if not sizes or min(sizes) < 1:
        raise StrataError(f"windows is {windows!r}", "Give a number of consecutive blocks, at least 1")
    return sizes


def layers_of(layers: int | Iterable[int] | None, n_layers: int) -> list[int]:
    """The blocks asked for, ascending. Raises StrataError for one that the model lacks."""
    asked = list(range(n_layers)) if layers is None else sorted(set(whole_numbers("layers", layers)))
    for layer in asked:
        if not 0 <= layer < n_layers:
            raise StrataError(f"There is no layer {layer}", f"This model has the {n_layers} blocks 0 to {n_layers - 1}")
    if not asked:
        raise StrataError("No layers were given", "Give at least one, or leave layers out for all of them")
    return asked


def require_windows(windows: Sequence[int], layers: Sequence[int], n_layers: int) -> None:
    """Raises StrataError for a window that fits nowhere."""
    for window in windows:
        if layers[0] + window > n_layers:
            raise StrataError(
                f"No window of {window} blocks fits into this model's {n_layers} from block {layers[0]} on",
                "Give smaller windows, or earlier layers",
            )


def places_of(positions: Places) -> tuple[str, ...]:
    """Names of the positions asked for; an index is called by its number."""
    given = [positions] if isinstance(positions, str | int) else list(positions)
    if not given:
        raise StrataError("No positions were given", "Give last, all, a span's name or a number")
    return tuple(dict.fromkeys(map(str, given)))


def placed(prompt: Prompt, places: Sequence[str]) -> Prompt:
    """The prompt with those of `places` that are indices as named positions, where it is long enough."""
    indices = {place: int(place) for place in places if place not in prompt.positions and _is_index(place)}
    inside = {place: at % len(prompt.ids) for place, at in indices.items() if -len(prompt.ids) <= at < len(prompt.ids)}
    return replace(prompt, positions={**prompt.positions, **inside})


def require_places(what: str, places: Sequence[str], prompts: Sequence[Prompt]) -> None:
    """Raises StrataError for a position that no prompt has."""
    known = dict.fromkeys(name for prompt in prompts for name in prompt.positions if not _is_index(name))
    for place in places:
        if place != ALL and not any(place in prompt.positions for prompt in prompts):
            long = f": the {what}s have {_lengths(prompts)} tokens" if _is_index(place) else ""
            raise StrataError(
                f"No {what} has the position {place!r}{long}", f"Choose among: {', '.join([*known, ALL])}, or a number"
            )


@contextmanager
def memory_for(batch_tokens: int | None) -> Iterator[None]:
    """Raises DoesNotFitError, which names the option, where memory runs out within."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        now = "its default" if batch_tokens is None else f"{batch_tokens}"
        raise DoesNotFitError(
            f"The edited runs do not fit into memory with batch_tokens at {now}", "Give a smaller batch_tokens"
        ) from error


def _lengths(prompts: Sequence[Prompt]) -> str:
    shortest, longest = (end(len(prompt.ids) for prompt in prompts) for end in (min, max))
    return f"{longest}" if shortest == longest else f"{shortest} to {longest}"


def _is_index(name: str) -> bool:
    return name.removeprefix("-").isdecimal()
