"""How are `strata locate` and `strata compare` run from Python? With the same options, into the same run directories."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Unpack

from strata.dashboards.cli.display import Display
from strata.dashboards.default_directory import default_directory
from strata.dashboards.from_python.finished_run import Run, load_run
from strata.dashboards.from_python.python_options import (
    BackendOptions,
    CompareOptions,
    ComparingOptions,
    FamilyOptions,
    LocateOptions,
    MeasuringOptions,
    OpeningOptions,
    RunningOptions,
    checked_options,
    part,
)
from strata.dashboards.option_values import OptionValue, manifest_options
from strata.dashboards.page.pages_of_run import write_first_page, write_pages
from strata.dashboards.quick_settings import QUICK_COMPARE, QUICK_LOCATE
from strata.dashboards.typed_command import command_words
from strata.experiments.compare.config import CompareConfig
from strata.experiments.compare.model_specs import Specs
from strata.experiments.compare.pipeline import compare as compare_into
from strata.experiments.compare.seeds import named_specs
from strata.experiments.items.builtin import chosen
from strata.experiments.items.jsonl import read_items
from strata.experiments.items.load import is_file_name
from strata.experiments.items.schema import Item
from strata.experiments.locate.config import LocateConfig
from strata.experiments.locate.pipeline import locate as locate_into
from strata.experiments.questions import Source
from strata.experiments.results.roles import BASE, CONTROL, DISTILLED, Role
from strata.experiments.run.controls import RunControls
from strata.probes.backend_choice import OWN, BackendChoice
from strata.probes.backends.remote_checkpoint import open_remote
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.open_model import Model, open_checkpoint
from strata.probes.checkpoints.torch_settings import undisturbed
from strata.probes.errors import StrataError
from strata.probes.progress import Progress

Asked = str | Path | Iterable[Item] | Iterable[str]
"""A JSON Lines file of items, items at hand, or names of built-in families, kinds and domains."""


@undisturbed()
def locate(
    model: Model,
    out: str | Path | None = None,
    *,
    items: Asked | None = None,
    quick: bool = False,
    seed: int = 0,
    progress: bool | Progress = False,
    **options: Unpack[LocateOptions],
) -> Run:
    """Where in this model are retrieval and reasoning readable, and where are they located? `strata locate` from Python.

    The run directory `out` (default: runs/CHECKPOINT-SEED) is the one that the terminal makes, page included; a second call
    with the same arguments resumes or only reads it. `model` is a spec, what `strata.open_checkpoint` returned, a tuple
    (Hugging Face model, tokenizer) or a TransformerLens bridge. `items`: a JSON Lines file, what `strata.load_items`
    returned, or names of built-in families, by default a selection of them. `quick` asks fewer, so its intervals are wide;
    `progress` writes lines to stderr, or calls what is given. `options` are those of `strata locate --help` with underscores: `draws=2000`.

    Raises StrataError for what a person can mend, NotSupportedError for an architecture that isn't read rightly,
    SelfTestError where an identity that must hold on every model fails.

    >>> import strata
    >>> run = strata.locate("smollm2", "runs/first", items=["capital"], per_family=6, lens_maps=0, causal_map="none",
    ...                     quick=True)
    >>> run.summary.order.verdict
    'undetermined'
    >>> run.report.name
    'report.html'
    """
    given = checked_options("locate", options, LocateOptions)
    asked, source = _asked(items)
    config = _locate_config(QUICK_LOCATE if quick else {}, given, asked, quick=quick, seed=seed)
    asked_through = part(given, BackendOptions)
    through = BackendChoice(asked_through.get("backend", OWN.name), asked_through.get("remote", False))
    opener, name, _ = _opened(model, part(given, OpeningOptions), through)
    directory = Path(out) if out is not None else default_directory(name, seed)
    own: dict[str, OptionValue] = {"seed": seed, "quick": quick}
    all_options = {**asked, **own, **given, "out": str(directory)}
    shown, display = _told_to(progress, directory)
    locate_into(
        opener(), config, directory, items=source, through=through,
        controls=RunControls(
            command=command_words("locate", [name], all_options), options=manifest_options(all_options), progress=shown,
            on_run=display.record_in, on_family=display.found, **part(given, RunningOptions),
        ),
    )  # fmt: skip
    write_pages(directory, shown)
    return load_run(directory)


@undisturbed()
def compare(
    base: Model,
    distilled: Model,
    out: str | Path | None = None,
    *,
    control: Model | None = None,
    items: Asked | None = None,
    quick: bool = False,
    seed: int = 0,
    progress: bool | Progress = False,
    **options: Unpack[CompareOptions],  # Nine parameters: what a person names in a notebook; the rest are options
) -> Run:
    """What did training change from `base` to `distilled`, where, and is it more than any training changes?

    `strata compare` from Python: the run directory `out` (default: runs/BASE-DISTILLED-SEED) holds a `locate` run of every
    model and what is measured between them, pages included; a second call with the same arguments resumes or only reads it.
    `control` is a model trained as long on something else; `distilled_seeds` and `control_seeds` name further seeds. Models and `items` as in `strata.locate`; models given as specs
    are opened when they are needed, and large ones held two at a time. Weights of models in memory aren't compared, and
    whether the base is the base is then unclear. `options` are those of `strata compare --help` with underscores.

    Raises StrataError for what a person can mend, SelfTestError where an identity that must hold on every model fails.

    >>> import strata
    >>> run = strata.compare("smollm2", "smollm2+think", "runs/pair", items=["capital"], per_family=4, causal_map="none",
    ...                      quick=True, lens_maps=0, swap_pairs=0, generated=0, transferred=0)
    >>> run.comparison.pair_check["distilled"].verdict
    'base'
    >>> list(run.models)
    ['base', 'distilled']
    >>> run.to_pandas("weights")["contrast"].unique().tolist()
    ['distilled']
    """
    given = checked_options("compare", options, CompareOptions)
    asked, source = _asked(items)
    sizes = QUICK_COMPARE if quick else {}
    config = CompareConfig(
        locate=_locate_config(sizes, given, asked, quick=quick, seed=seed), **part({**sizes, **given}, ComparingOptions)
    )
    models: dict[Role, Model] = {BASE: base, DISTILLED: distilled}
    if control is not None:
        models[CONTROL] = control
    opening = part(given, OpeningOptions)
    opened = {role: _opened(model, opening) for role, model in models.items()}
    in_memory = frozenset(role for role, (_, _, has_files) in opened.items() if not has_files)
    names = {role: name if role not in in_memory else f"{role} {name}" for role, (_, name, _) in opened.items()}
    seeds = {DISTILLED: given.get("distilled_seeds", ()), CONTROL: given.get("control_seeds", ())}
    further = {role: tuple(map(str, of_role)) for role, of_role in seeds.items() if isinstance(of_role, tuple | list)}
    specs = Specs(names[BASE], names[DISTILLED], names.get(CONTROL), further, in_memory=in_memory)
    openers: dict[str, Callable[[], Checkpoint]] = {
        name: _opened(spec, opening)[0] for name, spec in named_specs(specs).items() if name not in opened
    } | {str(role): opener for role, (opener, _, _) in opened.items()}
    directory = Path(out) if out is not None else default_directory(names[BASE], names[DISTILLED], seed)
    all_options: dict[str, OptionValue] = {
        "control": names.get(CONTROL),
        **asked,
        "seed": seed,
        "quick": quick,
        **given,
        "out": str(directory),
    }
    shown, display = _told_to(progress, directory)
    compare_into(
        specs, openers, config, directory, items=source,
        controls=RunControls(
            command=command_words("compare", [names[BASE], names[DISTILLED]], all_options),
            options=manifest_options(all_options), one_at_a_time=bool(given.get("one_at_a_time")), progress=shown,
            on_run=display.record_in, on_family=display.found, on_model=write_first_page, **part(given, RunningOptions),
        ),
    )  # fmt: skip
    write_pages(directory, shown)
    return load_run(directory)


def _asked(items: Asked | None) -> tuple[dict[str, OptionValue], Source | None]:
    """As options of the terminal, and as what the experiments take: names of families are an option of theirs."""
    if items is None:
        return {}, None
    if isinstance(items, Path) or (isinstance(items, str) and is_file_name(items)):
        read_items(items)  # what is wrong with it is told before a model is opened
        return {"items": str(items)}, Path(items)
    several: list[Item | str] = [items] if isinstance(items, str) else list(items)
    if not several:
        raise StrataError(
            "No items were given",
            "Give items of strata.load_items, the names of families or the path of a JSON Lines file, or leave items out",
        )
    if all(isinstance(item, str) for item in several):
        names = tuple(map(str, several))
        chosen(names)
        return {"families": names}, None
    if not all(isinstance(item, Item) for item in several):
        odd = next(item for item in several if not isinstance(item, Item))
        raise StrataError(
            f"items holds a {type(odd).__name__}",
            "Give items of strata.load_items, the names of families, or the path of a JSON Lines file",
        )
    return {}, [item for item in several if isinstance(item, Item)]


def _locate_config(
    sizes: Mapping[str, OptionValue],
    given: Mapping[str, OptionValue],
    asked: Mapping[str, OptionValue],
    *,
    quick: bool,
    seed: int,
) -> LocateConfig:
    families = part(asked or sizes, FamilyOptions)
    return LocateConfig(**part({**sizes, **given}, MeasuringOptions), **families, quick=quick, seed=seed)


def _opened(
    model: Model, opening: OpeningOptions, through: BackendChoice = OWN
) -> tuple[Callable[[], Checkpoint], str, bool]:
    """How to get the checkpoint, what it is called, and whether it has files; a spec is opened when it is needed."""
    if isinstance(model, str) and through.remote is True:
        return lambda: open_remote(model, **opening), model, True
    if isinstance(model, str):
        return lambda: open_checkpoint(model, **opening), model, True
    model, tokenizer = model if isinstance(model, tuple) and len(model) == 2 else (model, None)
    checkpoint = open_checkpoint(model, tokenizer, **opening)
    identity = checkpoint.identity
    return lambda: checkpoint, identity.spec, identity.source not in ("memory", "random")


def _told_to(progress: bool | Progress, directory: Path) -> tuple[Progress, Display]:
    """Whom work reports itself to, and what is told the run directory when it is there.

    Also where nobody listens, `progress.json` says to others how far a run is.
    """
    display = Display("plain" if progress is True else "none", directory.name)

    def both(stage: str, done: int, total: int | None, unit: str) -> None:
        display(stage, done, total, unit)
        if callable(progress):
            progress(stage, done, total, unit)

    return both, display
