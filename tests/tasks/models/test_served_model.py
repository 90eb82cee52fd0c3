"""A reply by another model than was asked is not a reply."""

import pytest

from tasks.errors import EndpointError, RejectedRequest
from tasks.ledger import spend
from tasks.models.served import accepts
from tasks.rows.storage import Storage
from tests.tasks.models.openai_server import QUICK, Server, ask_of, completion, desk, outcomes, prompt, say


@pytest.mark.parametrize(
    ("asked", "served", "fits"),
    [
        ("gpt-4o", "gpt-4o", True),
        ("gpt-4o", "gpt-4o-2024-08-06", True),
        ("openai/gpt-4o", "gpt-4o-2024-08-06", True),
        ("gpt-4", "gpt-4-0613", True),
        ("claude", "claude-20241022", True),
        ("openai/rehearsal/judge", "rehearsal/judge", True),
        ("gpt-4o-2024-08-06", "gpt-4o-2024-11-20", False),
        ("gpt-4o-2024-08-06", "gpt-4o", False),
        ("gpt-4o", "gpt-4o-mini", False),
        ("gpt-4o", "gpt-4o-mini-2024-07-18", False),
        ("model-3", "model-3-1024", True),  # reads as 24 October
        ("model-3", "model-3-4096", False),
        ("deepseek-reasoner", "deepseek-v4-flash", False),
        ("gpt-4o", "", False),
        ("", "x", False),
    ],
)
def test_which_names_are_the_model_that_was_asked(asked: str, served: str, fits: bool) -> None:
    assert accepts(asked, served) is fits


def test_a_recipe_may_name_others() -> None:
    assert accepts("deepseek-reasoner", "DeepSeek-R1", ("DeepSeek-R1",))


async def test_another_models_reply_sets_its_row_aside_and_is_no_reply_to_anyone(
    storage: Storage, server: Server
) -> None:
    server.plan = [say(200, completion("first")), say(200, completion("2", model="another/model"))]
    async with desk(storage, server) as made:
        await ask_of(made)(prompt("first"))
        with pytest.raises(RejectedRequest, match=r"wrong_model.*another/model"):
            await ask_of(made)(prompt())
    async with desk(storage, server) as made:
        assert (await ask_of(made)(prompt())).content == "2"
    assert len(server.journal) == 3
    ends = outcomes(storage)
    assert [(end["error"], end["served_model"]) for end in ends] == [
        (None, "test/model"),
        ("wrong_model", "another/model"),
        (None, "test/model"),
    ]
    assert ends[1]["microusd"] is None
    assert spend.possibly_paid(spend.events(storage))["attempt"].to_list() == [ends[1]["attempt"]]


async def test_an_endpoint_that_only_serves_another_model_is_given_up(storage: Storage, server: Server) -> None:
    server.plan = [say(200, completion("2", model="another/model"))] * 20
    async with desk(storage, server) as made:
        for turn in range(QUICK.rejections):
            kind = EndpointError if turn == QUICK.rejections - 1 else RejectedRequest
            with pytest.raises(kind, match="wrong_model"):
                await ask_of(made)(prompt(str(turn)))
    assert len(server.journal) == QUICK.rejections
