"""The request key: everything that can change the reply enters it, and nothing else can."""

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from tasks.errors import UnstableValue
from tasks.models import wire
from tasks.models.endpoint import Endpoint
from tasks.models.prompt import Message, Prompt, Sampling, user
from tasks.models.request import KEY_VERSION, Model, Request, request
from tasks.rows.fingerprint import canonical_json


class Verdict(BaseModel):
    same: bool


class Rating(BaseModel):
    rating: float


PROMPTS = st.builds(
    Prompt,
    messages=st.lists(
        st.builds(Message, role=st.sampled_from(["system", "user", "assistant"]), content=st.text()),
        min_size=1,
        max_size=4,
    ).map(tuple),
    sampling=st.builds(
        Sampling, max_tokens=st.integers(1, 100_000), temperature=st.floats(0, 2), top_p=st.floats(0.01, 1)
    ),
    schema=st.sampled_from([None, Verdict, Rating]),
)
MODELS = st.builds(Model, name=st.text(min_size=1), revision=st.text())
ASKED = st.tuples(PROMPTS, MODELS, st.integers(0, 64))
GOLDEN = Prompt(messages=user("Find x."), sampling=Sampling(max_tokens=10))
JUDGE = Model(name="rehearsal/judge", revision="1")
ENTER = {field.name for field in fields(Request) if field.compare}


def changed(prompt: Prompt, model: Model, sample: int) -> dict[str, tuple[Prompt, Model, int]]:
    """The same request with one thing changed, for every thing that can be."""
    first, *rest = prompt.messages
    prompts = {f"sampling.{f.name}": sampled(prompt, f.name) for f in fields(Sampling)} | {
        "messages.role": with_messages(
            prompt, replace(first, role="user" if first.role != "user" else "system"), *rest
        ),
        "messages.content": with_messages(prompt, replace(first, content=f"{first.content} "), *rest),
        "messages.one_more": with_messages(prompt, *prompt.messages, Message(role="user", content="")),
        "messages.one_less": with_messages(prompt, *rest),
        "schema": replace(prompt, schema=Rating if prompt.schema is not Rating else Verdict),
        "schema.none": replace(prompt, schema=None if prompt.schema else Verdict),
    }
    return {name: (one, model, sample) for name, one in prompts.items()} | {
        "model.name": (prompt, model.model_copy(update={"name": f"{model.name}x"}), sample),
        "model.revision": (prompt, model.model_copy(update={"revision": f"{model.revision}x"}), sample),
        **({"model.structured": (prompt, unheld(model), sample)} if prompt.schema else {}),
        "sample": (prompt, model, sample + 1),
    }


def unheld(model: Model) -> Model:
    return model.model_copy(update={"structured": "none"})


def with_messages(prompt: Prompt, *messages: Message) -> Prompt:
    return replace(prompt, messages=messages)


def sampled(prompt: Prompt, name: str) -> Prompt:
    other = getattr(prompt.sampling, name) + (1 if name == "max_tokens" else 0.125)
    return replace(prompt, sampling=replace(prompt.sampling, **{name: other}))


def test_golden_key() -> None:
    """Frozen: another key here orphans every reply that was ever paid."""
    made = request(GOLDEN, JUDGE, 0)
    assert made.canonical == (
        '{"key_version":1,"messages":[["user","Find x."]],"model":{"name":"rehearsal/judge","revision":"1"},'
        '"response_schema":null,"sample":0,"sampling":{"max_tokens":10,"temperature":0.0,"top_p":1.0}}'
    )
    assert made.key == "37ed0c61fd404706bcc4ab1dac3361c80dc67c0161d78f935ff1d57bf13a6e29"


@given(ASKED)
def test_asking_the_same_gives_the_same_key(asked: tuple[Prompt, Model, int]) -> None:
    prompt, model, sample = asked
    assert request(prompt, model, sample).key == request(replace(prompt), model.model_copy(), sample).key


@given(ASKED)
def test_changing_anything_gives_another_key(asked: tuple[Prompt, Model, int]) -> None:
    keys = {name: request(*other).key for name, other in changed(*asked).items()} | {"itself": request(*asked).key}
    assert len(set(keys.values())) == len(keys)


@given(ASKED, ASKED)
def test_one_key_is_one_request(one: tuple[Prompt, Model, int], other: tuple[Prompt, Model, int]) -> None:
    first, second = request(*one), request(*other)
    assert (first.key == second.key) == (first.canonical == second.canonical) == (first == second)


def test_text_cannot_move_between_messages_or_fields() -> None:
    pairs = [("ab", "c"), ("a", "bc"), ("abc", "")]
    prompts = [with_messages(GOLDEN, *(Message(role="user", content=text) for text in pair)) for pair in pairs]
    models = [Model(name="a@b", revision="c"), Model(name="a", revision="b@c")]
    assert len({request(one, model, 0).key for one in prompts for model in models}) == 6


def test_every_field_of_a_prompt_is_classified() -> None:
    """A field that is added to a prompt or its sampling must enter the request, or this fails."""
    made = request(GOLDEN, JUDGE, 0)
    assert set(made.sampling) == {field.name for field in fields(Sampling)}
    assert {field.name for field in fields(Prompt)} == {"messages", "sampling", "schema"}
    assert {field.name for field in fields(Message)} == {"role", "content"}
    assert {"model", "messages", "sampling", "response_schema", "sample"} == ENTER
    assert set(Model.model_fields) == {"name", "revision", "structured"}


def test_where_and_how_a_request_is_sent_has_no_place_in_it() -> None:
    assert set(Endpoint.model_fields).isdisjoint(ENTER)


@given(ASKED)
def test_the_text_that_is_digested_is_the_canonical_json_of_what_enters(asked: tuple[Prompt, Model, int]) -> None:
    made = request(*asked)
    values = {name: getattr(made, name) for name in ENTER} | {
        "model": {"name": made.model.name, "revision": made.model.revision}
    }
    messages = [[message.role, message.content] for message in made.messages]
    assert made.canonical == canonical_json({**values, "messages": messages, "key_version": KEY_VERSION})


def test_numbers_that_are_equal_and_not_the_same_do_not_stand_in_for_one_another() -> None:
    odd: list[Any] = [1, 1.0, True]
    orders = [
        [request(replace(GOLDEN, sampling=Sampling(max_tokens=one)), JUDGE, 0).key for one in order]
        for order in (odd, odd[::-1])
    ]
    assert orders[0] == orders[1][::-1]
    assert len(set(orders[0])) == 3


@pytest.mark.parametrize("other", [{"messages": user(b"bytes")}, {"messages": user(None)}])  # type: ignore[arg-type]
def test_what_is_no_text_has_no_key(other: dict[str, Any]) -> None:
    with pytest.raises(UnstableValue):
        request(replace(GOLDEN, **other), JUDGE, 0)


def test_a_whole_number_of_temperature_is_the_same_request() -> None:
    whole: Any = Sampling(max_tokens=10, temperature=0, top_p=1)
    assert request(replace(GOLDEN, sampling=whole), JUDGE, 0).key == request(GOLDEN, JUDGE, 0).key


@given(ASKED)
def test_whatever_enters_the_key_is_sent_and_nothing_else(asked: tuple[Prompt, Model, int]) -> None:
    """Requests that go out as different bytes have different keys: otherwise one would serve the other."""
    body = wire.body(request(*asked))
    same_model = {name: other for name, other in changed(*asked).items() if name != "model.revision"}
    assert all(wire.body(request(*other)) != body for other in same_model.values())
