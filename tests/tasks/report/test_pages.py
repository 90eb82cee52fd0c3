"""The pages: figures add up, and hostile text stays text."""

from tasks.ledger.budget import Position
from tasks.ledger.gpu_split import Split
from tasks.report.pages import Example, FailedShard, StageSpend, failed_page, projected, quarantine_page, spend_page


def line(stage: str, microusd: int, done: int) -> StageSpend:
    return StageSpend(stage=stage, replies=10, errors=1, tokens=1500, microusd=microusd, shards_done=done, shards=4)


def test_spend_adds_up_and_is_projected_from_finished_shards() -> None:
    lines = [line("screen", 400, 4), line("rate", 100, 1), line("solve", 7, 0)]
    assert projected(lines) == (400 + 400 + 7, ["solve"])
    page = spend_page(lines, accepted=0, maybe=2, maybe_microusd=50, rehearsal=False)
    assert "**USD 0.000507** paid by this run." in page
    assert "At this rate USD 0.000807 at its end, and what solve will cost." in page
    assert "2 attempts without a bill, at most USD 0.000050" in page
    assert "| **total** | 30 | 3 | 4,500 | **0.000507** |" in page


def test_a_finished_run_has_no_projection_but_a_price_per_row() -> None:
    page = spend_page([line("rate", 1000, 4)], accepted=4, maybe=0, maybe_microusd=0, rehearsal=True)
    assert "Per accepted row, of 4 so far: USD 0.000250." in page
    assert "made-up prices" in page
    assert "At this rate" not in page


def test_quarantine_names_reasons_most_first_with_examples_as_text() -> None:
    reasons = {("rate", "unsure"): 1, ("solve", "truncated"): 7}
    examples = {("solve", "truncated"): [Example(row="f00d", text="<b>|[x](y)")]}
    lines = quarantine_page(reasons, examples).splitlines()
    assert lines[2] == "| solve | truncated | 7 | `f00d` `<b>\u00a6[x](y)` |"
    assert lines[3] == "| rate | unsure | 1 |  |"


def test_failed_shards_say_class_and_reason_as_text() -> None:
    page = failed_page([FailedShard(shard="b0", stage="rate", error="EndpointError", reason="said `<i>`\nand left")])
    assert "| b0 | rate | EndpointError | `said '<i>' and left` |" in page


def test_spend_stands_against_its_budgets_and_beside_the_hours_of_cards() -> None:
    budgets = [Position(scope="run", limit=2_000_000, spent=500_000, maybe=100_000, reserved=400_000)]
    hours = Split(starting=1_800_000, useful=3_600_000, idle=0, wasted=1_800_000, microusd=4_000_000)
    page = spend_page([line("rate", 500_000, 4)], 2, 0, 0, False, budgets, hours)
    assert "| the run | USD 2.000000 | USD 0.500000 | USD 0.100000 | USD 0.400000 | USD 1.000000 |" in page
    assert "2.00 GPU-hours (0.50 starting, 1.00 useful, 0.00 idle, 0.50 wasted), 1.0000 per accepted row" in page
    assert "USD 4.000000" in page
