"""What does the served browser say: its table of runs, what is overlaid, the model that can be tried, and what it refuses?"""

from __future__ import annotations

from collections.abc import Mapping

from strata.dashboards.number_formats import count, number
from strata.dashboards.sentences.places import cell_label
from strata.dashboards.visible_text import visible
from strata.probes.interventions.cells import Cell

SKIP, RUNS, OVERLAID_RUNS, OVERLAID = "Skip to the runs", "Runs", "Overlaid runs", "Overlaid"
TAKE_OFF, SHOW_ALL, STAGE_MAP = "take off", "Show all", "stage map"
COLUMNS: Mapping[str, str] = {
    "run": "run", "command": "command", "models": "models", "state": "state", "started": "started", "knowledge": "knowledge made by",
    "reasoning": "reasoning made by", "verdict": "order or hypothesis",
}  # fmt: skip
PLACES = "Where each kind is made: thick, with its 95 % interval thin"
PROFILES = "Effect gained at a block, mean over families; every other part of a run's page is on its own"
NOTHING_TO_OVERLAY = (
    "None of them holds interventions of its own to overlay: choose runs of locate, or a comparison's models."
)
WHAT_DIFFERS, SAME_SETTINGS = "What differs", "Their settings are the same."
TRY_IT, READ_IT, PATCH_IT, CHOOSE_PAIR = "Try it live", "Read the prompt", "Patch the pair", "choose a pair"
WHICH_PAIR, WHICH_PART = "pair, of the first run on the overlay or built in", "part of the model to patch"
LIVE_FIELDS: Mapping[str, str] = {
    "prompt": "prompt",
    "answer": "its answer with its leading space (may be empty for the lens)",
    "foil_prompt": "counterfactual prompt: as many tokens, other words",
    "foil": "its answer with its leading space",
}
REFUSALS: Mapping[str, str] = {
    "host": "This server is asked for under a name that isn't its own.",
    "origin": "A page of another origin may not ask this.",
    "token": "The address lacks its token: open the one that strata serve printed.",
}


def runs_in(folder: str) -> str:
    """The head of the page."""
    return f"Runs in {visible(folder)}"


def table_caption(shown: int, of: int, page: int, pages: int) -> str:
    """`12 of 60 runs, page 1 of 2`."""
    told = count(of, "run") if shown == of else f"{shown} of {count(of, 'run')}"
    return told if pages == 1 else f"{told}, page {page + 1} of {pages}"


def none_fits(runs: int) -> str:
    """Where the search leaves nothing."""
    return f"No run of {count(runs, 'run')} fits. "


def overlay_words(name: str, chosen: bool) -> tuple[str, str]:
    """On the button that puts a run on the overlay, and for a reader who doesn't see its row."""
    if chosen:
        return "✓ overlaid", f"take {name} off the overlay"
    return "+ overlay", f"put {name} on the overlay"


def small_map(name: str) -> str:
    """What the small picture shows."""
    return f"stage map of {name} in small"


def map_of(name: str) -> str:
    """Above a stage map."""
    return f"Stage map of {name}"


def run_gone(name: str) -> str:
    """A run of the address that isn't there."""
    return f"{name} is not there any more."


def live_limits(model: str, most_tokens: int) -> str:
    """What the model that can be tried takes."""
    return f"On {model}, one request at a time, at most {most_tokens} tokens. Nothing is kept."


def read_words(tokens: int, streams: int) -> str:
    """Above the lens map of a prompt."""
    what = "what would be answered after each token if the model stopped there"
    return f"{count(tokens, 'token')}, {streams} streams, logit lens: {what}"


def part_words(cell: Cell) -> str:
    """A part of the model that can be patched."""
    return f"{cell_label(cell)} ({cell})"


def differences_words(answer: str, foil: str, clean: float, corrupted: float) -> str:
    """Above the effects on a pair."""
    of = f"{visible(answer)} − {visible(foil)}"
    return f"logit difference {of}: clean {number(clean)}, corrupted {number(corrupted)}"
