"""A key that an endpoint repeats is in nothing that is kept or said."""

from pathlib import Path

import pytest

from tasks.errors import EndpointError
from tasks.models.answer import without
from tasks.rows.storage import Storage
from tests.tasks.models.openai_server import Server, ask_of, completion, desk, outcomes, prompt, say

KEY = "secret-key"


async def test_an_endpoint_that_repeats_the_key_when_it_refuses_it(tmp_path: Path, server: Server) -> None:
    storage = Storage(str(tmp_path))
    server.plan = [say(401, f"Incorrect API key provided: {KEY}.")]
    with pytest.raises(EndpointError) as fault:
        async with desk(storage, server) as made:
            await ask_of(made)(prompt())
    (outcome,) = outcomes(storage)
    assert outcome["body"] == "Incorrect API key provided: [key]."
    assert KEY not in str(fault.value)
    assert not [name for name, data in storage.read_all(storage.list("ledger")).items() if KEY.encode() in data]


async def test_a_reply_that_repeats_it_is_kept_without_it(tmp_path: Path, server: Server) -> None:
    storage = Storage(str(tmp_path))
    server.plan = [say(200, completion(f"your key is {KEY}"))]
    async with desk(storage, server) as made:
        assert (await ask_of(made)(prompt())).content == "your key is [key]"
    assert KEY not in outcomes(storage)[0]["body"]


def test_without_a_key_a_text_stays_as_it_is() -> None:
    assert without(None, "text") == without("", "text") == "text"
