"""Browse many runs: a table of all under a directory, any of them overlaid, and what differs between them.

Listens on this machine alone. With --host it listens elsewhere, and whoever opens it needs the token that stands in the
printed address. Nothing is written, and no request leaves the page. With --model a checkpoint is loaded, on which a prompt
can be read through the lens and a cell patched in the page.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from strata.dashboards.cli.common_options import DisplayOptions, ModelOptions, open_from, tell_caveats
from strata.dashboards.cli.display import Display, only_results_on_stdout
from strata.dashboards.cli.options import add_options, chosen_options, option, options_of
from strata.dashboards.cli.terminal import say, warn, write_json
from strata.experiments.declared_setting import whole
from strata.probes.errors import StrataError

if TYPE_CHECKING:
    from strata.dashboards.app.live_model import LiveModel

EXAMPLES = """examples:
  strata serve runs
  strata serve runs --model smollm2 --port 0
"""
_LAST_PORT = 65_535


@dataclass(frozen=True)
class Options:
    port: int = option(8050, "port to listen on; 0: any that is free", "serving", whole, metavar="N")
    host: str = option("127.0.0.1", "address to listen on; another one than this machine's asks for a token", "serving")
    token: str | None = option(None, "word that every visitor needs (default: made where --host needs one)", "serving")
    model: str | None = option(
        None, "checkpoint to try prompts on: loaded at the start", "trying", metavar="CHECKPOINT"
    )  # fmt: skip
    opened: ModelOptions = field(default_factory=ModelOptions)
    shown: DisplayOptions = field(default_factory=DisplayOptions)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", metavar="RUNS", help="the directory that holds the runs")
    add_options(parser, options_of(Options))


def run(arguments: argparse.Namespace, _command: list[str]) -> int:
    options = chosen_options(Options, arguments)
    if options.port > _LAST_PORT:
        raise StrataError(f"--port is {options.port}", f"It must be at most {_LAST_PORT}")
    root = Path(arguments.runs)
    with only_results_on_stdout() as stdout:
        if find_spec("dash") is None:
            raise StrataError(
                "strata serve needs Dash, which is not installed", "Install the extra: pip install 'strata-probes[app]'"
            )
        from strata.dashboards.app.access import TOKEN, access_to
        from strata.dashboards.app.server import listening, make_app
        from strata.experiments.run.listing import RunList

        runs = RunList(root)
        found = len(runs.runs())
        access = access_to(options.host, options.token)
        display = options.shown.made()
        app = make_app(runs, access, _live(options, display))
        server = listening(app, access, options.port)
        address = f"http://{access.name}:{server.port}/"
        address += f"?{TOKEN}={access.token}" if access.token else ""
        if options.shown.json:
            write_json(stdout, {"event": "start", "address": address, "runs": found})
        else:
            say(stdout, f"open {address} ({found} runs; Ctrl-C ends it)\n")
        stdout.flush()
        if access.is_local:
            warn(f"from another machine: ssh -L {server.port}:127.0.0.1:{server.port} HOST, then open the same address")
        else:
            warn("whoever has this address can see all runs: the connection isn't encrypted, so mind the network")
        server.serve_forever()
    return 0


def _live(options: Options, display: Display) -> LiveModel | None:
    if options.model is None:
        return None
    from strata.dashboards.app.live_model import LiveModel

    with display.listening():
        checkpoint = open_from(options.model, options.opened, display)
        tell_caveats(checkpoint)
        return LiveModel(checkpoint, options.model)
