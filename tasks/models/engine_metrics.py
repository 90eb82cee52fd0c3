"""What vLLM says of itself on /metrics. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

_WANTED = ("vllm:num_requests_running", "vllm:generation_tokens_total", "vllm:prompt_tokens_total")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One look: requests being worked on, and tokens since the process started (all its engines together)."""

    running: int
    prompt_tokens: int
    generated_tokens: int

    @property
    def work(self) -> int:
        """Grows with every token, read or written: standing still while requests run means a hung engine."""
        return self.prompt_tokens + self.generated_tokens


def read(text: str) -> Sample:
    """A page of metrics. Raises `ValueError` if what is wanted is not on it: then nobody knows whether it works."""
    lines = [line for line in text.splitlines() if line.startswith(_WANTED)]
    found: dict[str, float] = {}
    for family in text_string_to_metric_families("\n".join(lines) + "\n"):
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, 0.0) + sample.value
    missing = [name for name in _WANTED if name not in found]
    if missing:
        raise ValueError(f"vLLM's metrics lack {', '.join(missing)}")
    running, generated, prompt = (int(found[name]) for name in _WANTED)
    return Sample(running=running, prompt_tokens=prompt, generated_tokens=generated)
