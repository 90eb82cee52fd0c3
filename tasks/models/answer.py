"""How one wire attempt ended, and what the log says of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from tasks.errors import UnreadableReply
from tasks.models import prices, served, wire
from tasks.models.endpoint import Line
from tasks.models.prompt import Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One wire attempt's end."""

    http_status: int
    body: str
    error: str | None
    retry_after: str | None = None
    microusd: int = 0
    reply: Reply | None = None


def facts(answer: Answer, line: Line, key: str) -> tuple[Answer, dict[str, Any]]:
    """What the log says of an answer; a 200 without completion or usage is an error of class `garbled`,
    one by another model an error of class `wrong_model`: whatever it cost, it answers another question.
    """
    answer = replace(answer, body=without(line.api_key, answer.body))
    facts: dict[str, Any] = {"http_status": answer.http_status, "body": answer.body}
    if answer.error is None:
        try:
            found = wire.completion(answer.body)
            used = wire.usage(found)
            read = wire.read(key, found)
        except UnreadableReply as fault:
            answer = Answer(http_status=answer.http_status, body=f"{fault}: {answer.body}", error="garbled")
        else:
            if not served.accepts(line.model.name, read.model, line.serves):
                return replace(answer, error="wrong_model"), facts | {
                    "status": "error",
                    "error": "wrong_model",
                    "served_model": read.model,
                }
            cost = prices.microusd(line.price, used)
            return replace(answer, microusd=cost, reply=read), facts | {
                "status": "reply",
                "finish_reason": read.finish_reason,
                "served_model": read.model,
                "system_fingerprint": wire.text(found.get("system_fingerprint")) or None,
                "prompt_tokens": used.prompt,
                "cached_tokens": used.cached,
                "completion_tokens": used.completion,
                "reasoning_tokens": used.reasoning,
                "price": line.price_version,
                "microusd": cost,
            }
    return answer, facts | {"status": "error", "error": answer.error}


def without(secret: str | None, text: str) -> str:
    """Text from an endpoint without the key it was asked with: some repeat it when they refuse it."""
    return text.replace(secret, "[key]") if secret else text
