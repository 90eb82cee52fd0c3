"""`python -m flows doctor RECIPE`: what can be known of a recipe before anything is paid for it.

Each role is asked for a one-token completion, and, where its stage wants answers of a schema, one real question.
These are paid requests like any other: logged as stage `doctor`, and new each time, since a stored reply proves
nothing about today's endpoint. A model without a price, without its key, or whose engine cannot be served is asked
nothing.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack
from dataclasses import replace
from datetime import date
from typing import Literal
from uuid import uuid4

from flows import probes, readiness
from flows.curate import locate
from flows.engines import check_engine, with_engines
from flows.readiness import Finding
from flows.recipe import Recipe
from flows.runner import Runner, task_runner
from tasks import world
from tasks.errors import EndpointError, RecipeError, RejectedRequest, UnknownPrice
from tasks.errors import UnreadableReply as Unreadable
from tasks.ledger.fold import fold
from tasks.models import retirement
from tasks.models.asker import Desk
from tasks.models.listing import Listed
from tasks.models.prices import Price
from tasks.models.prices import table as price_table
from tasks.models.prompt import Prompt
from tasks.models.request import Model
from tasks.models.retry import Patience
from tasks.models.structured import ask_structured
from tasks.rows.problem import BUCKETS
from tasks.rows.shards import Shard
from tasks.world import Where

_PATIENCE = Patience(attempts=2, first=1.0)
_PROBLEM = "0" * 64
_SOON_DAYS = 180


def examine(recipe: Recipe, root: str, today: date | None = None) -> list[Finding]:
    """Everything there is to say, roles first."""
    found = [finding for role in recipe.roles for finding in _on_paper(recipe, role, today or date.today())]
    asked = _without_faults(recipe, found)
    storage = readiness.writable(root)
    if storage.verdict == "ok":
        with ExitStack() as services:
            if asked.engines():
                services.enter_context(task_runner(Runner.RAY, workers=1))
                found += _engines(asked)
                asked = _without_faults(asked, found)
            where = locate(asked, root, services).model_copy(update={"run": f"doctor-{uuid4().hex[:10]}"})
            where = services.enter_context(with_engines(asked, where))
            found += asyncio.run(_ask_all(asked, where))
    order = {role: number for number, role in enumerate(recipe.roles)}
    return [
        *sorted(found, key=lambda one: order[one.subject]),
        *readiness.inputs(recipe),
        storage,
        readiness.budget(recipe),
    ]


def _without_faults(recipe: Recipe, found: list[Finding]) -> Recipe:
    """The recipe with those roles only that nothing is wrong with so far."""
    wrong = {one.subject for one in found if one.verdict == "fault" and one.check != "retirement"}
    return recipe.model_copy(update={"roles": {name: r for name, r in recipe.roles.items() if name not in wrong}})


def _engines(recipe: Recipe) -> list[Finding]:
    """The roles whose engines cannot be served here."""
    faults = {}
    for endpoint, engine in recipe.engines().items():
        try:
            check_engine(endpoint, engine)
        except RecipeError as fault:
            faults[endpoint] = str(fault)
    return [
        Finding(subject=name, check="engine", verdict="fault", words=faults[role.endpoint])
        for name, role in recipe.roles.items()
        if role.endpoint in faults
    ]


def _on_paper(recipe: Recipe, role: str, today: date) -> list[Finding]:
    name = recipe.roles[role].model
    try:
        line: Price = price_table().with_models(recipe.token_prices()).price(name)
    except UnknownPrice as fault:
        price = Finding(subject=role, check="price", verdict="fault", words=str(fault))
    else:
        words = f"{line.input} in, {line.cached_input} cached, {line.output} out, USD per million; as of {line.as_of}"
        price = Finding(subject=role, check="price", verdict="ok", words=words)
    hosted = recipe.endpoints[recipe.roles[role].endpoint].kind in ("openai", "litellm")
    return [price, *_key(recipe, role), *([_retirement(role, name, today)] if hosted else [])]


def _key(recipe: Recipe, role: str) -> list[Finding]:
    try:
        world.secret(recipe.endpoints[recipe.roles[role].endpoint].api_key_env)
    except RecipeError as fault:
        return [Finding(subject=role, check="key", verdict="fault", words=str(fault))]
    return []


def _retirement(role: str, name: str, today: date) -> Finding:
    known = retirement.of(name)
    if known is None:
        words = "no end is known; the table of retirements does not list it"
        return Finding(subject=role, check="retirement", verdict="unknown", words=words)
    ended, days = known.ends <= today, (known.ends - today).days
    words = f"{'ended' if ended else 'ends'} {known.ends} if it is hosted ({known.source}); instead: {known.instead}"
    verdict: Literal["ok", "warning", "fault"] = "fault" if ended else "warning" if days < _SOON_DAYS else "ok"
    return Finding(subject=role, check="retirement", verdict=verdict, words=words)


async def _ask_all(recipe: Recipe, where: Where) -> list[Finding]:
    """Each role by a desk of its own, so that one that is refused does not silence the others."""
    models = recipe.models()
    groups = await asyncio.gather(*(_ask(recipe, where, role, model) for role, model in models.items()))
    return [finding for group in groups for finding in group]


async def _ask(recipe: Recipe, where: Where, role: str, model: Model) -> list[Finding]:
    everything = Shard(intake=_PROBLEM, low=0, high=BUCKETS)
    prompt = probes.probe(recipe, role)
    async with world.desk(where, "doctor", everything, {role: model}, patience=_PATIENCE) as desk:
        first = await _completion(desk, role, model, prompt)
        if first[0].verdict == "fault" or prompt is None:
            return first
        found = [*first, await _structured(desk, role, prompt)]
    there = await world.models_at(where.endpoints[where.routes[role]])
    return [*found, _context(where, role, prompt, there.get(model.name)), *_told_end(role, there.get(model.name))]


async def _completion(desk: Desk, role: str, model: Model, prompt: Prompt | None) -> list[Finding]:
    if prompt is None:
        words = "no stage of this recipe asks it, so it was not asked now"
        return [Finding(subject=role, check="answers", verdict="unknown", words=words)]
    one_token = replace(prompt, sampling=replace(prompt.sampling, max_tokens=1), schema=None)
    began = time.monotonic()
    try:
        reply = await desk.ask_for(role, _PROBLEM)(one_token, sample=_fresh())
    except (EndpointError, RejectedRequest) as fault:
        check = "served model" if "wrong_model" in str(fault) else "answers"
        return [Finding(subject=role, check=check, verdict="fault", words=str(fault))]
    words = f"one token in {time.monotonic() - began:.1f} s"
    return [
        Finding(subject=role, check="answers", verdict="ok", words=words),
        Finding(subject=role, check="served model", verdict="ok", words=f"{reply.model} for {model.name}"),
    ]


async def _structured(desk: Desk, role: str, prompt: Prompt) -> Finding:
    if prompt.schema is None:
        return Finding(subject=role, check="structured", verdict="ok", words="its stage asks for plain text")
    try:
        _, keys = await ask_structured(desk.ask_for(role, _PROBLEM), prompt, prompt.schema, sample=_fresh())
    except (Unreadable, EndpointError, RejectedRequest) as fault:
        return Finding(subject=role, check="structured", verdict="fault", words=str(fault))
    words = f"an answer of schema {prompt.schema.__name__} in {len(keys)} request{'s' if len(keys) > 1 else ''}"
    return Finding(subject=role, check="structured", verdict="ok" if len(keys) == 1 else "warning", words=words)


def _context(where: Where, role: str, prompt: Prompt, listed: Listed | None) -> Finding:
    """The prompt's tokens are those of the probe, a short problem: longer ones need more than is shown."""
    if listed is None or listed.max_model_len is None:
        words = "the endpoint does not tell how long its context is"
        return Finding(subject=role, check="context", verdict="unknown", words=words)
    sent = fold(world.storage(where.root), lambda part: part.filter(role=role)["prompt_tokens"].max(), run=where.run)
    needed, has = max(int(str(most or 0)) for most in sent) + prompt.sampling.max_tokens, listed.max_model_len
    words = f"{needed} tokens for a short problem, reply included, of {has}"
    return Finding(subject=role, check="context", verdict="ok" if needed <= has else "fault", words=words)


def _told_end(role: str, listed: Listed | None) -> list[Finding]:
    if listed is None or listed.shutdown_date is None:
        return []
    words = f"the endpoint says that it ends {listed.shutdown_date}"
    return [Finding(subject=role, check="told end", verdict="warning", words=words)]


def _fresh() -> int:
    """A sample index that nobody has asked for: a stored reply would say nothing about today."""
    return time.time_ns() // 1_000_000 % 2**31
