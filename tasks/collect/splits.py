"""Which files of a data set on the Hub hold a split: the rules of the `datasets` library for files without a
configuration (https://huggingface.co/docs/datasets/repository_structure), as far as formats are read here. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatch

_DATA = re.compile(r"\.(?:parquet|jsonl|csv|tsv)(?:\.(?:gz|zst|bz2|xz))?$")
_SPLIT_NAMES = r"train|training|test|testing|eval|evaluation|validation|valid|val|dev"


def files_of(names: Sequence[str], split: str, globs: Sequence[str] = ()) -> list[str]:
    """The files of a split, sorted: those that `globs` name, else whose file or folder has the split's name.

    Where no file has the name of any split, all are `train`. Of several formats Parquet is taken, so that a row is
    not read twice. Raises `ValueError` saying what there is.

    >>> files_of(["README.md", "data/train-00000-of-00001.parquet", "data/test-00000-of-00001.parquet"], "train")
    ['data/train-00000-of-00001.parquet']
    """
    data = sorted(name for name in names if _DATA.search(name) or any(fnmatch(name, one) for one in globs))
    if globs:
        found = [name for name in data if any(fnmatch(name, one) for one in globs)]
    else:
        found = [name for name in data if _names(split, name)]
        if not found and split == "train" and not any(_names(_SPLIT_NAMES, name, raw=True) for name in data):
            found = data
        found = [name for name in found if ".parquet" in name] or found
    if not found:
        raise ValueError(f"no files of split {split!r}; it has {', '.join(data[:8]) or 'no data files'}")
    return found


def _names(split: str, name: str, *, raw: bool = False) -> bool:
    """Whether a split's name is a word of the file's path."""
    pattern = split if raw else re.escape(split)
    return re.search(rf"(?:^|[/._ -])(?:{pattern})(?=[/._ -]|\d|$)", name, re.IGNORECASE) is not None
