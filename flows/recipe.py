"""Recipes: which sources, models and stages make a data set. Checked whole before anything starts.

A recipe is a YAML file in `deployments/`. Every fault is named with its path, and a wrong key with the nearest
right one. What bears on an answer (stages and their settings, models) is kept apart from what does not
(endpoint addresses, concurrency, shards).
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from flows.misfits import fits, misfits
from flows.stages import PER_SHARD
from tasks.collect.duplicates import Settings as Collecting
from tasks.collect.source import Source
from tasks.errors import RecipeError
from tasks.ledger.budget import Budget
from tasks.models.endpoint import Endpoint
from tasks.models.engine import Engine
from tasks.models.engine import price as price_of_tokens
from tasks.models.prices import Price
from tasks.models.request import Model, Structured
from tasks.publish.licences import mixed
from tasks.publish.publishing import Settings as PublishSettings
from tasks.rows.trial import Trial
from tasks.stage import Requeue, again, asked_roles

FOLDER = Path("deployments")
_STRICT = ConfigDict(extra="forbid", frozen=True)


class Role(BaseModel):
    """Who fills a role: a model, pinned, and the endpoint that serves it."""

    model_config = _STRICT

    endpoint: str
    model: str = Field(description="Name sent to the endpoint, and looked up in the price table")
    revision: str = Field(description="What pins the model: a date, a commit, or a digest")
    serves: tuple[str, ...] = Field(
        default=(), description="Other names the endpoint may answer under; a date behind the model's own always may"
    )

    def identity(self, structured: Structured) -> Model:
        """The model as it enters request keys."""
        return Model(name=self.model, revision=self.revision, structured=structured)


class StageChoice(BaseModel):
    """A stage of a recipe with its settings, already checked against the stage's own."""

    model_config = _STRICT

    stage: str
    settings: dict[str, Any]
    requeue: tuple[Requeue, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _flat(cls, given: Any) -> Any:
        """In YAML the settings stand beside `stage`."""
        if isinstance(given, Mapping) and "settings" not in given:
            own = {name: given[name] for name in ("stage", "requeue") if name in given}
            return {"stage": None, **own, "settings": {k: v for k, v in given.items() if k not in own}}
        return given

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.stage not in PER_SHARD:
            raise ValueError(f"no stage {self.stage!r}{_nearest(self.stage, PER_SHARD)}")
        try:
            asked = self.roles()
        except ValidationError as fault:
            right = PER_SHARD[self.stage].stage.settings
            raise ValueError("; ".join(_line(error, right) for error in fault.errors(include_url=False))) from fault
        for one in self.requeue:
            if not one.settings and not asked:
                raise ValueError(f"requeue of {one.reason}: {self.stage} asks no model, so it needs changed settings")
        return self

    def roles(self) -> tuple[str, ...]:
        """The roles that the stage asks, its requeues included."""
        return asked_roles(PER_SHARD[self.stage].stage, self.typed(), self.requeue)

    def every_settings(self) -> list[BaseModel]:
        """The stage's settings, then those of its requeues."""
        stage, typed = PER_SHARD[self.stage].stage, self.typed()
        return [typed, *(again(stage, typed, one) for one in self.requeue)]

    def typed(self) -> BaseModel:
        """The settings as the stage's own model."""
        return PER_SHARD[self.stage].stage.settings.model_validate(self.settings)


class Recipe(BaseModel):
    """A whole recipe. `collect` comes before its stages and `publish` after them, always."""

    model_config = _STRICT

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", description="Part of the names of runs and data sets")
    sources: list[Source] = Field(min_length=1)
    collect: Collecting = Field(default_factory=Collecting, description="Which rows are duplicates")
    endpoints: dict[str, Annotated[Endpoint, AfterValidator(fits)]] = Field(min_length=1)
    roles: dict[str, Role]
    prices: dict[str, Price] = Field(default_factory=dict, description="Prices of models the table lacks")
    stages: list[StageChoice] = Field(min_length=1)
    publish: PublishSettings = Field(default_factory=PublishSettings, description="What is released, in which forms")
    budget: Budget = Field(default_factory=Budget, description="What a run may spend; no bound if left out")
    approve_above_usd: Decimal | None = Field(
        default=None,
        ge=0,
        description="Dollars; a run that is estimated to cost more waits until a named person approves it",
    )
    trial: Trial | None = Field(
        default_factory=Trial, description="How many of a stage's first rows may be quarantined; null for no bound"
    )
    shards: int = Field(default=4, ge=1, le=256, description="Shards of the first intake; smaller ones get fewer")
    lease_seconds: float = Field(
        default=60, gt=0, description="Silence of a worker after which another may take over"
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for name, role in self.roles.items():
            if role.endpoint not in self.endpoints:
                raise ValueError(
                    f"roles.{name}.endpoint: no endpoint {role.endpoint!r}{_nearest(role.endpoint, self.endpoints)}"
                )
            if self.endpoints[role.endpoint].kind == "litellm" and "/" not in role.model:
                raise ValueError(f"roles.{name}.model: litellm wants <provider>/<model>, not {role.model!r}")
            same = [other for other in self.roles.values() if other.endpoint == role.endpoint]
            if self.endpoints[role.endpoint].engine and len({(one.model, one.revision) for one in same}) > 1:
                raise ValueError(
                    f"roles.{name}: engine {role.endpoint!r} serves one model, and other roles name another"
                )
        for i, choice in enumerate(self.stages):
            for role_name in choice.roles():
                if role_name not in self.roles:
                    raise ValueError(f"stages[{i}] ({choice.stage}) needs role {role_name!r}, which nobody fills")
        asking = [choice.stage for choice in self.stages if choice.roles()]
        for stage in self.budget.stages:
            if stage not in asking:
                raise ValueError(f"budget.stages: {stage!r} is no stage that spends{_nearest(stage, asking)}")
        if clashes := misfits(
            {choice.stage: choice.every_settings() for choice in self.stages},
            {name: role.model for name, role in self.roles.items()},
        ):
            raise ValueError("; ".join(clashes))
        names = [source.name for source in self.sources]
        if len(set(names)) < len(names):
            raise ValueError(f"sources: names {names} are not all different")
        if clash := mixed(source.licence for source in self.sources).clash:
            raise ValueError(
                f"sources: {clash}, so one data set of them could not be published; make a recipe of each"
            )
        return self

    def allowed(self, usd: float | None) -> Self:
        """The recipe with another budget for the whole run; None leaves it as it is."""
        if usd is None:
            return self
        return self.model_copy(update={"budget": self.budget.model_copy(update={"usd": Decimal(str(usd))})})

    def models(self) -> dict[str, Model]:
        """The model of each role."""
        return {name: role.identity(self.endpoints[role.endpoint].structured) for name, role in self.roles.items()}

    def engines(self) -> dict[str, Engine]:
        """The engines that roles need, by endpoint."""
        needed = {role.endpoint: role for role in self.roles.values()}
        choices = {name: self.endpoints[name].engine for name in needed}
        return {
            name: Engine(model=needed[name].identity(self.endpoints[name].structured), serving=how)
            for name, how in choices.items()
            if how is not None
        }

    def token_prices(self) -> dict[str, Price]:
        """The recipe's own price lines; an engine's tokens cost nothing beside its hours."""
        return {
            **self.prices,
            **{one.model.name: price_of_tokens(one.serving.cards) for one in self.engines().values()},
        }


def names() -> list[str]:
    """The recipes in `deployments/`."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml") if path.name != "prefect.yaml")


def load(name_or_path: str) -> Recipe:
    """The recipe in a file, or of that name in `deployments/`. Raises `RecipeError` naming every fault."""
    path = Path(name_or_path)
    if path.suffix not in (".yaml", ".yml"):
        path = FOLDER / f"{name_or_path}.yaml"
    if not path.is_file():
        raise RecipeError(f"no recipe at {path}; recipes in {FOLDER}/ are {', '.join(names())}")
    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as fault:
        raise RecipeError(f"{path} is not YAML: {fault}") from fault
    try:
        return Recipe.model_validate(given)
    except ValidationError as fault:
        lines = "\n".join(f"  {line}" for line in faults(fault))
        raise RecipeError(f"{path} has faults; nothing was started:\n{lines}") from fault


def faults(fault: ValidationError) -> list[str]:
    """Each fault with its path and what would be right."""
    return [_line(error) for error in fault.errors(include_url=False)]


def _line(error: Any, model: type[BaseModel] | None = None) -> str:
    path = ".".join(str(part) for part in error["loc"]) or "recipe"
    unknown = error["type"] == "extra_forbidden"
    hint = _nearest(str(error["loc"][-1]), _fields_at(error["loc"], model or Recipe)) if unknown else ""
    return f"{path}: {error['msg'].removeprefix('Value error, ')}{hint}"


def _fields_at(loc: tuple[Any, ...], model: type[BaseModel]) -> list[str]:
    """Names that would have been right where an unknown one stands."""
    for part in loc[:-1]:
        found = model.model_fields.get(str(part))
        inner = _arguments(found.annotation) if found else []
        model = next((a for a in inner if isinstance(a, type) and issubclass(a, BaseModel)), model)
    return list(model.model_fields)


def _arguments(annotation: Any) -> list[Any]:
    inner = getattr(annotation, "__args__", ())
    return [annotation, *(deep for argument in inner for deep in _arguments(argument))]


def _nearest(wrong: str, right: Any) -> str:
    close = difflib.get_close_matches(wrong, list(right), n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(sorted(right))}"
