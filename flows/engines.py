"""A run's own engines: checked before anything starts, served while its shards are worked on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flows.recipe import Recipe
from flows.runner import gpus_of_a_node, in_shared_cluster, ray_is_up
from tasks.errors import RecipeError
from tasks.models.engine import REPOSITORY, Engine
from tasks.models.engine_identity import check
from tasks.world import Where

NOWHERE = "http://nowhere.invalid/v1"
"""The address of an endpoint that nobody can ask, or not yet."""


def check_engines(recipe: Recipe) -> None:
    """Whether the recipe's engines can be served. Raises `RecipeError`."""
    engines = recipe.engines()
    if engines and not ray_is_up():
        raise RecipeError(f"endpoints {', '.join(sorted(engines))} are of kind vllm: that needs Ray, --runner ray")
    for endpoint, engine in engines.items():
        check_engine(endpoint, engine)


def check_engine(endpoint: str, engine: Engine) -> None:
    """Whether Ray, which is up, can place a replica, and has the pinned model. Raises `RecipeError`.

    A cluster may grow, so cards are counted only where there is but this machine. Where models lie on other machines
    only, their folders are checked there, when an engine starts.
    """
    needed = engine.serving.gpus
    if not in_shared_cluster() and needed > (there := gpus_of_a_node()):
        raise RecipeError(
            f"endpoint {endpoint}: a replica of its engine holds {needed} {engine.serving.cards.kind}, and this "
            f"machine has {there} GPUs. Run it in a Ray cluster that has them, with RAY_ADDRESS (infra/kuberay/)"
        )
    if (REPOSITORY / engine.serving.model_path).is_dir():
        check(engine)


@contextmanager
def with_engines(recipe: Recipe, where: Where) -> Iterator[Where]:
    """Where the run works, its engines' addresses included; they are served for as long as the block lasts."""
    engines = recipe.engines()
    if not engines:
        yield where
        return
    from tasks.models.engine_serve import serving

    with serving(engines, where.root, where.run) as addresses:
        served = {name: recipe.endpoints[name].at(address) for name, address in addresses.items()}
        yield where.model_copy(update={"endpoints": {**where.endpoints, **served}})
