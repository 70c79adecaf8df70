"""A program that loads what the `strata` command loads, then forks one process for every command line it is asked for.

Requests and answers are lines of JSON on stdin and stdout: a command is answered with the process's id, `{"ended": id}` with
its exit code, or null while it runs.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from importlib import import_module
from typing import Any, NoReturn

LOADED = (
    *(f"strata.dashboards.cli.verb_{verb}" for verb in ("locate", "compare", "probe", "lens", "plan", "report", "verify")),
    "strata.dashboards.page", "strata.experiments.locate.pipeline", "strata.experiments.compare.pipeline",
    "transformers.models.llama.modeling_llama", "peft", "pandas", "pyarrow.parquet", "plotly.graph_objects",
)  # fmt: skip


def serve() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        if "ended" in request:
            ended, status = os.waitpid(request["ended"], os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if ended else None
        else:
            answer = os.fork()
            if answer == 0:
                be_the_command(request)
        sys.stdout.write(f"{json.dumps(answer)}\n")
        sys.stdout.flush()


def be_the_command(request: dict[str, Any]) -> NoReturn:
    code = 70
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for stream, file in zip((1, 2), request["files"], strict=True):
            os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), stream)
        sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
        os.environ.clear()
        os.environ.update(request["environment"])
        os.chdir(request["cwd"])
        sys.argv = ["strata", *request["argv"]]
        from strata.dashboards.cli import main

        if request["first"]:
            module, name = request["first"]
            getattr(import_module(module), name)()
        code = main()
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)


if __name__ == "__main__":
    for name in LOADED:
        import_module(name)
    from strata.experiments.locate import probing

    os.fsync = lambda _: None  # as conftest.py
    probing.SHUFFLES = 1  # as end_to_end/conftest.py
    serve()
