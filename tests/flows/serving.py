"""A process that serves `curate` as a deployment, for a recipe that is no file of deployments/.

Arguments are the recipe's path and a storage root.
"""

import sys

from prefect import flow

from flows import curate as pipeline
from flows import recipe as recipes
from flows.runner import Runner, running_on


@flow(name="curate")
def curate(recipe: str, root: str) -> None:
    """What `flows.deployed.curate` does."""
    with running_on(Runner.THREADS, 2):
        pipeline.curate.fn(recipes.load(recipe), root)


if __name__ == "__main__":
    parameters = {"recipe": sys.argv[1], "root": sys.argv[2]}
    curate.serve(name="budgeted", parameters=parameters, print_starting_message=False)
