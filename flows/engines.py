"""A run's own engines: checked before anything starts, served while its shards are worked on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flows.recipe import Recipe
from flows.runner import ray_is_up
from tasks.errors import RecipeError
from tasks.models.engine import REPOSITORY
from tasks.models.engine_identity import check
from tasks.world import Where

NOWHERE = "http://nowhere.invalid/v1"
"""The address of an endpoint that nobody can ask, or not yet."""


def check_engines(recipe: Recipe) -> None:
    """Whether the recipe's engines can be served. Raises `RecipeError`.

    Where their models lie on other machines only, their folders are checked there, when an engine starts.
    """
    engines = recipe.engines()
    if engines and not ray_is_up():
        raise RecipeError(f"endpoints {', '.join(sorted(engines))} are of kind vllm: that needs Ray, --runner ray")
    for engine in engines.values():
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
