"""A process that serves the curate deployment, as a worker would: arguments are a recipe's path and a root."""

import sys

from prefect.flows import EntrypointType

from flows.deployed import curate

if __name__ == "__main__":
    curate.serve(  # type: ignore[attr-defined]
        name="budgeted",
        parameters={"recipe": sys.argv[1], "root": sys.argv[2], "runner": "threads", "workers": 2},
        enforce_parameter_schema=False,  # the recipe is a file of the test and not one of deployments/
        entrypoint_type=EntrypointType.MODULE_PATH,
        print_starting_message=False,
    )
