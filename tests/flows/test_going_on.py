"""The command that goes on with a run that has stopped."""

from flows.going_on import Paused, command, words
from tasks.ledger.budget import RUN, Position

WHOLE = Position(scope=RUN, limit=1_500_000, spent=1_400_000, maybe=0, reserved=0)
SOLVE = Position(scope="solve", limit=10, spent=9, maybe=0, reserved=0)


def test_the_budget_of_the_run_is_raised_in_the_command_itself() -> None:
    paused = Paused("the run's budget is reached", [WHOLE, SOLVE], [RUN])
    for given in (["--budget-usd", "1.5"], ["--budget-usd=1.5"], []):
        said = command(["run", "my recipe.yaml", *given, "--root", "r"], paused)
        assert said == "python -m flows run 'my recipe.yaml' --root r --budget-usd 3"


def test_another_bound_is_raised_in_the_recipe_first() -> None:
    paused = Paused("the budget of stage solve is reached", [WHOLE, SOLVE], ["solve"])
    said = words(["run", "short", "--budget-usd", "1.5"], paused)
    assert "raise budget.stages.solve.usd in the recipe, then start:" in said
    assert said.endswith("python -m flows run short --budget-usd 1.5")
