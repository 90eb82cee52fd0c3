"""What a recipe would take, before anything is paid: `python -m flows estimate RECIPE`.

From the paper's published rates and stated assumptions (`tasks.estimate`); `flows.pilot` does better from a pilot.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from flows.recipe import Recipe, StageChoice
from flows.spending import spend
from tasks.errors import RecipeError
from tasks.estimate.assumptions import Assumptions, Draws, assumptions
from tasks.estimate.comparison import Comparison, line
from tasks.estimate.figures import Estimate, Saving, interval
from tasks.estimate.worlds import Server, Step, Taken, run
from tasks.ledger.spend import By
from tasks.models.prices import table
from tasks.rate import rating
from tasks.rows.storage import Storage

Change = Callable[[Recipe], Recipe]


def estimated(
    recipe: Recipe,
    rows: int | None = None,
    known: Assumptions | None = None,
    free: Sequence[float] = (),
    **fixed: float,
) -> Estimate:
    """What a recipe takes for `rows` collected rows, or for what its sources are known to have.

    `free` is, for each stage, the share of the rows that is paid already (`flows.stored`); `fixed` sets assumptions
    to one value. Raises `RecipeError` if nobody knows how many rows there are, and
    `UnknownPrice`.
    """
    known = known or assumptions()
    pool = rows if rows is not None else published_rows(recipe, known)
    taken = worlds(recipe, pool, known, **fixed)
    found = figures(recipe, pool, taken, "published rates of DeepMath-103K, and assumptions", free)
    return found.model_copy(update={"savings": savings(recipe, pool, taken, known, **fixed)})


def stored(found: Estimate, recipe: Recipe, storage: Storage) -> Estimate:
    """The estimate, with what a root has of replies by the recipe's models, whatever run paid for them."""
    models = {model.identity for model in recipe.models().values()}
    lines = [line for line in spend(storage, By.MODEL).lines if line.group in models]
    usd = sum(line.microusd for line in lines) / 1_000_000
    return found.model_copy(update={"stored_usd": usd, "stored_replies": sum(line.replies for line in lines)})


ALIKE = "as it is, if a row's answers all agree or all differ"


def worlds(recipe: Recipe, rows: int, known: Assumptions, **fixed: float) -> list[Taken]:
    """What each stage takes in each world; the same worlds for every recipe."""
    return run(steps(recipe), rows, known.worlds(fixed), known.published)


def figures(recipe: Recipe, rows: int, taken: Sequence[Taken], basis: str, free: Sequence[float] = ()) -> Estimate:
    """The same as an estimate. `free` is, for each stage, the share of the rows that is paid already."""
    dues = [(one, 1 - share) for one, share in zip(taken, free or [0.0] * len(taken), strict=True)]
    return Estimate(
        recipe=recipe.name,
        basis=basis,
        rows=rows,
        stages=[one.figures() for one in taken],
        accepted=interval(taken[-1].rows_out),
        usd=interval(np.sum([one.usd for one in taken], axis=0)),
        gpu_hours=interval(np.sum([one.gpu_hours for one in taken], axis=0)),
        card_usd=interval(np.sum([card_usd(one) for one in taken], axis=0)),
        hours=interval(np.sum([one.hours for one in taken], axis=0)),
        free=list(free),
        to_pay_usd=interval(np.sum([due * (one.usd + card_usd(one)) for one, due in dues], axis=0)),
        to_pay_gpu_hours=interval(np.sum([due * one.gpu_hours for one, due in dues], axis=0)),
    )


def card_usd(taken: Taken) -> Draws:
    """What a stage's card-hours cost at the recipe's price."""
    return taken.gpu_hours * (taken.step.server.card_usd if taken.step.server else 0.0)


def published_rows(recipe: Recipe, known: Assumptions) -> int:
    """How many rows the sources have, where they are known or bounded. Raises `RecipeError` where one is not."""
    sizes = [known.published.rows.get(source.preset or "") for source in recipe.sources]
    counts = [
        size if source.limit is None else min(source.limit, size or source.limit)
        for source, size in zip(recipe.sources, sizes, strict=True)
    ]
    unknown = [source.name for source, count in zip(recipe.sources, counts, strict=True) if count is None]
    if unknown:
        raise RecipeError(f"how many rows {', '.join(unknown)} have is not published: say it with --rows")
    return sum(count for count in counts if count is not None)


def steps(recipe: Recipe) -> list[Step]:
    """The recipe's stages as the cost model sees them."""
    made: list[Step] = []
    for choice in recipe.stages:
        before = [step.stage for step in made]
        made.append(_step(recipe, choice, choice.stage in before, "screen" in before))
    return made


def servers(recipe: Recipe) -> dict[str, Server | None]:
    """Who answers each stage's requests, None where it asks nobody."""
    return {step.stage: step.server for step in steps(recipe)}


def _step(recipe: Recipe, choice: StageChoice, repeated: bool, after_screen: bool) -> Step:
    has: Mapping[str, Any] = choice.typed().model_dump()
    counts = {"rate": "samples", "solve": "solutions"}
    samples = has.get(counts.get(choice.stage, ""), 2 if has.get("extended") else 1)
    roles = choice.roles()
    return Step(
        stage=choice.stage,
        server=_server(recipe, roles[0], _looks(choice)) if roles else None,
        rules=bool(has.get("rules")),
        convert=bool(has.get("convert")),
        k=has.get("k", 5),
        second_order=has.get("orders", "both"),
        floor=has.get("similarity_floor") is not None,
        together=has.get("first") == "together",
        repeated=repeated,
        after_screen=after_screen,
        samples=samples,
        stopping=has.get("stopping", "off"),
        in_rounds=has.get("further", 1) > 1,
        lazy=has.get("sampling") == "lazy",
    )


def _looks(choice: StageChoice) -> int:
    """How many times, one after the other, a row waits for answers before its next questions are known."""
    settings = choice.typed()
    if isinstance(settings, rating.Settings):
        return len(rating.looks(settings, settings.stopping))
    asks_again = {"convert": True, "first": "together", "orders": "second_if_needed"}
    return 1 + len([name for name, value in asks_again.items() if getattr(settings, name, None) == value])


def _server(recipe: Recipe, role: str, looks: int) -> Server:
    endpoint = recipe.endpoints[recipe.roles[role].endpoint]
    batch = endpoint.lane == "batch"
    price = table().with_models(recipe.token_prices()).price(recipe.roles[role].model)
    price = price.in_batch() if batch else price
    engine = endpoint.engine
    return Server(
        input=float(price.input),
        cached_input=float(price.cached_input),
        output=float(price.output),
        concurrency=endpoint.concurrency,
        batches=looks if batch else 0,
        cards=engine.cards.count if engine else 0,
        replicas=engine.replicas if engine else 1,
        card_usd=float(engine.cards.usd_per_hour) if engine else 0.0,
        speed="solver" if role == "solver" else "other",
    )


def savings(recipe: Recipe, rows: int, taken: Sequence[Taken], known: Assumptions, **fixed: float) -> list[Saving]:
    """What each switch of the recipe saves: what it would take more with that one switch the other way."""
    found = []
    for name, off in _switches(recipe).items():
        more = worlds(off(recipe), rows, known, **fixed)
        usd, cards = (
            float(np.median(sum(getattr(one, of) for one in more) - sum(getattr(one, of) for one in taken)))
            for of in ("usd", "gpu_hours")
        )
        found.append(Saving(switch=name, usd=usd, gpu_hours=cards))
    return found


def _switches(recipe: Recipe) -> dict[str, Change]:
    """The savings that a recipe has switched on, each with the way to switch it off."""
    ways: dict[tuple[str, str], Any] = {
        ("screen", "rules"): False,
        ("decontaminate", "orders"): "both",
        ("decontaminate", "similarity_floor"): None,
        ("decontaminate", "first"): "pairs",
        ("rate", "stopping"): "off",
        ("solve", "sampling"): "all",
    }
    found: dict[str, Change] = {}
    for (stage, name), plain in ways.items():
        for choice in recipe.stages:
            value = choice.typed().model_dump().get(name) if choice.stage == stage else plain
            if value != plain:
                found[f"{stage}.{name}: {value}"] = _with_setting(stage, name, plain)
    for name, endpoint in recipe.endpoints.items():
        if endpoint.lane == "batch":
            found[f"endpoints.{name}.lane: batch"] = _online(name)
    order = [choice.stage for choice in recipe.stages]
    if "screen" in order and "rate" in order and order.index("screen") < order.index("rate"):
        found["screen before rate"] = _screen_after_rate
    return found


def _with_setting(stage: str, name: str, value: Any) -> Change:
    def change(recipe: Recipe) -> Recipe:
        stages = [
            one.model_copy(update={"settings": {**one.settings, name: value}}) if one.stage == stage else one
            for one in recipe.stages
        ]
        return recipe.model_copy(update={"stages": stages})

    return change


def _online(name: str) -> Change:
    def change(recipe: Recipe) -> Recipe:
        online = recipe.endpoints[name].model_copy(update={"lane": "online"})
        return recipe.model_copy(update={"endpoints": {**recipe.endpoints, name: online}})

    return change


def _screen_after_rate(recipe: Recipe) -> Recipe:
    stages = [one for one in recipe.stages if one.stage != "screen"]
    place = next(i for i, one in enumerate(stages) if one.stage == "rate")
    screen = next(one for one in recipe.stages if one.stage == "screen")
    return recipe.model_copy(update={"stages": [*stages[: place + 1], screen, *stages[place + 1 :]]})


def compared(recipe: Recipe, other: Recipe, rows: int, known: Assumptions | None = None) -> Comparison:
    """What a recipe takes as a share of another: as it is, without the batch lane, at the other's token prices, and
    at the other end of what lazy sampling can save.
    """
    known = known or assumptions()
    theirs = worlds(other, rows, known)
    online = recipe
    for name, endpoint in recipe.endpoints.items():
        online = _online(name)(online) if endpoint.lane == "batch" else online
    ways = {"as it is": recipe, "online": online}
    ways |= {f"{what}, at {other.name}'s prices": _priced_as(one, other) for what, one in ways.items()}
    lines = [line(what, worlds(one, rows, known), theirs) for what, one in ways.items()]
    alike = [replace(step, alike=True) for step in steps(recipe)]
    lines.append(line(ALIKE, run(alike, rows, known.worlds({}), known.published), theirs))
    return Comparison(other=other.name, lines=lines)


def _priced_as(recipe: Recipe, other: Recipe) -> Recipe:
    """The recipe with the token prices that the other pays for the same role, where it pays any."""
    known = table().with_models(other.token_prices())
    lines = {name: known.price(role.model) for name, role in other.roles.items()}
    prices = {role.model: lines[name] for name, role in recipe.roles.items() if name in lines and lines[name].output}
    return recipe.model_copy(update={"prices": {**recipe.prices, **prices}})
