"""The pages: figures add up, and hostile text stays text."""

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
