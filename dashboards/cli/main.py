"""Finds the verb, runs it, and turns every mendable error into one sentence and an exit code."""

from __future__ import annotations

import argparse
import difflib
import importlib
import sys
from collections.abc import Sequence

from strata.dashboards.cli.foreign_text import escaped
from strata.dashboards.cli.stopping import Stopped
from strata.probes.errors import StrataError, is_disk_full, is_out_of_memory

VERBS = {
    "locate": "where are retrieval and reasoning readable in this model?",
    "compare": "what did training change between a base and its distilled model, and where?",
    "behave": "what does the model do when it answers, and at which stream does it show? confidence, pressure",
    "capture": "activations of your own texts, or of items, to documented safetensors shards",
    "calibrate": "can the instrument be trusted? planted models whose truth is known, nulls, power",
    "probe": "at which layer are my own labels decodable, beyond every control?",
    "lens": "one prompt through the lenses, in the terminal and as a page",
    "items": "the questions asked: list, show, check, import",
    "plan": "memory, disk and time before running",
    "pairs": "known base and distilled pairs; is this really the base?",
    "verify": "do torch hooks, restarted runs, TransformerLens, nnsight and plain Hugging Face agree on this model?",
    "bench": "speed and memory, side by side with what a user would otherwise write",
    "distill": "train reasoning, or as much of anything else, into a small model",
    "report": "rebuild the page of a run",
    "diff": "only what differs between two runs",
    "sweep": "one question asked of many checkpoints: doses, steps, seeds; on a Ray cluster",
    "serve": "many runs in the browser: a table of all, overlays, differences",
}
_ABOUT = """At which depth of a language model is a fact looked up, at which is a conclusion worked out, and how sure can we be?"""
_EPILOGUE = """examples:
  strata locate smollm2 --out runs/first
  strata lens smollm2 "The capital of France is"

exit codes: 0 done · 1 done, but a requested check failed · 2 usage, configuration or input · 3 does not fit into
memory or disk · 130 and 143 stopped by SIGINT or SIGTERM, with the state saved

Each verb explains itself: strata VERB --help
"""

_LONGEST = 1800
_NO_MEMORY = "Memory ran out. Try --dtype bfloat16, --device-map auto, --batch-tokens 256 or fewer items; finished parts are kept."
_NO_DISK = "The disk is full. Free some space and start again: finished parts are kept."


class _Parser(argparse.ArgumentParser):
    """Usage errors in the same form as every other error."""

    @property
    def options(self) -> list[str]:
        """Those that are written with dashes."""
        return [option for action in self._actions for option in action.option_strings]

    def error(self, message: str) -> None:  # type: ignore[override]  # argparse says NoReturn; this raises
        raise StrataError(f"{self.prog}: {message}", f"See {self.prog} --help")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        _check_text(arguments)
        return _run(arguments)
    except StrataError as error:
        sys.stderr.write(f"strata: {_shortened(escaped(str(error)))}\n")
        return error.exit_code
    except MemoryError:
        sys.stderr.write(f"strata: {_NO_MEMORY}\n")
        return 3
    except Stopped as stopped:
        return stopped.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output has gone (`| head`): nothing is left to say, also not at interpreter exit.
        sys.stderr.close()
        return 0
    except Exception as error:
        # A file that the system refuses, memory or a disk that ran out, wherever it came up; anything else is a defect and shows itself.
        if isinstance(error, OSError) and error.filename is not None and not is_disk_full(error):
            said = f"{error.filename} can't be used ({error.strerror}). Check the path and its permissions."
            sys.stderr.write(f"strata: {_shortened(escaped(said))}\n")
            return 2
        if not (is_out_of_memory(error) or is_disk_full(error)):
            raise
        sys.stderr.write(f"strata: {_NO_MEMORY if is_out_of_memory(error) else _NO_DISK}\n")
        return 3


def _run(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        sys.stdout.write(_overview())
        return 0
    if arguments[0] == "--version":
        from importlib.metadata import version

        sys.stdout.write(f"strata {version('strata-probes')}\n")
        return 0
    verb = arguments[0]
    if verb not in VERBS:
        near = difflib.get_close_matches(verb, VERBS, 1)
        raise StrataError(
            f"There is no verb {verb!r}", f"Did you mean {near[0]}?" if near else f"Choose among: {', '.join(VERBS)}"
        )
    # Verbs import torch and more: only the one asked for is loaded.
    module = importlib.import_module(f"strata.dashboards.cli.verb_{verb}")
    parser = _Parser(
        prog=f"strata {verb}",
        description=module.__doc__,
        epilog=module.EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    module.configure(parser)
    given, unknown = parser.parse_known_args(arguments[1:])
    if unknown:
        raise _not_taken(verb, unknown, parser.options)
    if getattr(given, "print_config", False):
        from strata.dashboards.cli.options import config_lines, resolved_options
        from strata.dashboards.cli.terminal import say

        say(sys.stdout, config_lines(resolved_options(module.Options, given)))
        return 0
    return int(module.run(given, arguments))


def _not_taken(verb: str, unknown: Sequence[str], options: Sequence[str]) -> StrataError:
    option = next((word.partition("=")[0] for word in unknown if word.startswith("-")), None)
    if option is None:
        return StrataError(f"strata {verb} takes no further {unknown[0]!r}", f"See strata {verb} --help")
    near = difflib.get_close_matches(option, options, 1)
    help = f"See strata {verb} --help"
    return StrataError(f"strata {verb} has no option {option}", f"Did you mean {near[0]}? {help}" if near else help)


def _shortened(sentence: str) -> str:
    """Names of somebody else's can be of any length: beginning and remedy stay."""
    return sentence if len(sentence) <= _LONGEST else f"{sentence[: _LONGEST - 700]} … {sentence[-600:]}"


def _check_text(arguments: Sequence[str]) -> None:
    for number, argument in enumerate(arguments, 1):
        try:
            argument.encode("utf-8")
        except UnicodeEncodeError as error:
            # Bytes that Python could not decode come as half surrogate pairs, which no tokenizer or file takes.
            shown = argument.encode("utf-8", "replace").decode()
            raise StrataError(
                f"Argument {number} ({shown!r}) is not UTF-8", "Give it in UTF-8, or rename the file"
            ) from error


def _overview() -> str:
    verbs = "\n".join(f"  {name:<9} {about}" for name, about in VERBS.items())
    return f"usage: strata VERB [options]\n\n{_ABOUT}\n\nverbs:\n{verbs}\n\n{_EPILOGUE}"
