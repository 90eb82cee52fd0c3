"""The command line, `python -m flows COMMAND`: what can be said on it is in `--help`.

Exit codes: 0 done, 1 the run failed and can be started again, 2 the input is wrong and nothing was started, 3 the
run has stopped on purpose (a budget is reached, or too much is quarantined) and says how to go on.
"""

from __future__ import annotations

import typer

from flows import services
from flows.commands import benchmarks, estimates, evidence, looks, ratings, reports, runs, servers, upkeep

app = typer.Typer(
    help="Curate DeepMath-style mathematics data sets, and never pay twice for the same answer.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for group in (runs, estimates, looks, reports, ratings, upkeep, servers, evidence):
    app.add_typer(group.app)
app.add_typer(benchmarks.app, name="benchmarks")


if __name__ == "__main__":
    services.be_quiet()
    app(prog_name="python -m flows")
