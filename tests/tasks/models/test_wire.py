"""What goes over the wire, and how a raw body of whatever content is read."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from tasks.errors import UnreadableReply
from tasks.models import wire
from tasks.models.prompt import Message, Prompt, Sampling
from tasks.models.request import Model, request
from tasks.models.wire import Usage


class Verdict(BaseModel):
    same: bool


def completion(message: Any, **other: Any) -> str:
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return json.dumps({"model": "served", "choices": [choice], **other})


def test_the_body_is_a_chat_completion_with_schema_and_seed() -> None:
    prompt = Prompt(
        messages=(Message(role="system", content="Judge."), Message(role="user", content="é ∑")),
        sampling=Sampling(max_tokens=10, temperature=0.6, top_p=0.95),
        schema=Verdict,
    )
    assert json.loads(wire.body(request(prompt, Model(name="m", revision="1"), 3))) == {
        "model": "m",
        "messages": [{"role": "system", "content": "Judge."}, {"role": "user", "content": "é ∑"}],
        "max_tokens": 10,
        "temperature": 0.6,
        "top_p": 0.95,
        "seed": 3,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "strict": True, "schema": Verdict.model_json_schema()},
        },
    }


@pytest.mark.parametrize(("structured", "sent"), [("json_object", {"type": "json_object"}), ("none", None)])
def test_a_model_that_is_not_held_to_the_schema_reads_it_in_the_prompt(structured: Any, sent: Any) -> None:
    prompt = Prompt(
        messages=(Message(role="user", content="Judge."),), sampling=Sampling(max_tokens=1), schema=Verdict
    )
    held, free = Model(name="m", revision="1"), Model(name="m", revision="1", structured=structured)
    body = json.loads(wire.body(request(prompt, free, 0)))
    assert body.get("response_format") == sent
    assert body["messages"][0]["content"].startswith("Judge.\n\nAnswer with one JSON object of this JSON schema")
    assert json.loads(body["messages"][0]["content"].rpartition("\n")[2]) == Verdict.model_json_schema()
    assert request(prompt, free, 0).key != request(prompt, held, 0).key
    assert free.identity == f"m@1+{structured}"


def test_without_a_schema_no_response_format_is_sent() -> None:
    prompt = Prompt(messages=(Message(role="user", content="x"),), sampling=Sampling(max_tokens=1))
    assert "response_format" not in json.loads(wire.body(request(prompt, Model(name="m", revision="1"), 0)))


@pytest.mark.parametrize(
    ("message", "reasoning", "content"),
    [
        ({"content": "42"}, "", "42"),
        ({"content": "42", "reasoning": "hm"}, "hm", "42"),
        ({"content": "42", "reasoning_content": "hm"}, "hm", "42"),
        ({"content": "<think>hm\n</think>\n\n42"}, "hm", "42"),
        ({"content": "hm</think>42"}, "hm", "42"),
        ({"content": "<think>never ends"}, "", "<think>never ends"),
        ({"content": None}, "", ""),
        ({"content": 42, "reasoning": ["hm"]}, "", ""),
    ],
)
def test_reasoning_and_content_are_told_apart(message: Any, reasoning: str, content: str) -> None:
    read = wire.reply("key", completion(message))
    assert (read.reasoning, read.content, read.finish_reason, read.model) == (reasoning, content, "stop", "served")


def test_a_refusal_is_a_reply_that_says_so() -> None:
    read = wire.reply("key", completion({"content": None, "refusal": "I cannot."}))
    assert (read.content, read.finish_reason) == ("I cannot.", "refusal")


def test_halves_of_surrogate_pairs_never_get_into_a_reply() -> None:
    """JSON can spell them, no file can hold them: one hostile reply would stop a whole shard."""
    raw = completion({"content": "a\ud800b", "reasoning": "\udfff"}, model="\ud800")
    read = wire.reply("key", raw)
    assert (read.content, read.reasoning, read.model) == ("a?b", "?", "?")


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "<html>502</html>",
        "null",
        "[]",
        "{}",
        '{"choices": []}',
        '{"choices": null}',
        '{"choices": [null]}',
        '{"choices": [{"message": "text"}]}',
        '{"choices": [{"message": {"content": "cut',
        "[" * 100_000,
    ],
    ids=lambda raw: raw[:30],
)
def test_what_is_no_completion_is_unreadable(raw: str) -> None:
    with pytest.raises(UnreadableReply):
        wire.reply("key", raw)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["choices", "message", "content", "usage", "prompt_tokens", "completion_tokens"]), inner
        )
    ),
    max_leaves=20,
)


@given(JSON, JSON, JSON)
def test_no_body_does_anything_but_read_or_be_unreadable(choices: Any, message: Any, usage: Any) -> None:
    for raw in (json.dumps(choices), json.dumps({"choices": choices}), completion(message, usage=usage)):
        try:
            found = wire.completion(raw)
            assert wire.reply("key", raw).content.encode("utf-8") is not None
            assert wire.usage(found).prompt >= 0
        except UnreadableReply:
            pass


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 10, "completion_tokens": 5}, Usage(prompt=10, cached=0, completion=5, reasoning=0)),
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "prompt_tokens_details": {"cached_tokens": 4},
                "completion_tokens_details": {"reasoning_tokens": 3},
            },
            Usage(prompt=10, cached=4, completion=5, reasoning=3),
        ),
        (
            {
                "prompt_tokens": 0,
                "completion_tokens": 0,
                "prompt_tokens_details": None,
                "completion_tokens_details": {},
            },
            Usage(prompt=0, cached=0, completion=0, reasoning=0),
        ),
        (
            {"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 11}},
            Usage(prompt=10, cached=0, completion=5, reasoning=0),
        ),
        (
            {"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": [7]},
            Usage(prompt=10, cached=0, completion=5, reasoning=0),
        ),
    ],
)
def test_usage_is_counted(usage: Any, expected: Usage) -> None:
    assert wire.usage({"usage": usage}) == expected


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {},
        [],
        {"prompt_tokens": 10},
        {"prompt_tokens": 10, "completion_tokens": None},
        {"prompt_tokens": "10", "completion_tokens": 5},
        {"prompt_tokens": -10, "completion_tokens": 5},
        {"prompt_tokens": True, "completion_tokens": 5},
        {"prompt_tokens": 10.5, "completion_tokens": 5},
        {"prompt_tokens": 2**70, "completion_tokens": 5},
    ],
)
def test_a_bill_that_is_no_bill_is_unreadable(usage: Any) -> None:
    with pytest.raises(UnreadableReply, match="usage"):
        wire.usage({"usage": usage})


def test_cached_tokens_are_read_from_deepseeks_own_field_too() -> None:
    used = {
        "prompt_tokens": 100,
        "completion_tokens": 1,
        "prompt_cache_hit_tokens": 60,
        "prompt_cache_miss_tokens": 40,
    }
    assert wire.usage({"usage": used}) == Usage(prompt=100, cached=60, completion=1, reasoning=0)
