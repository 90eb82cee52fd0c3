"""The forms a data set is released in: columns, types, and how they are made of joined rows. Pure.

`deepmath`: the seven columns of DeepMath-103K, with its types (https://huggingface.co/datasets/zwhe99/DeepMath-103K)

    question, final_answer, topic                 string
    difficulty                                    float64, in half steps
    r1_solution_1, r1_solution_2, r1_solution_3   string

`rl`: what reinforcement learning needs: `prompt` (messages) and `solution` as TRL's GRPOTrainer wants them, and
`data_source`, `ability`, `reward_model`, `extra_info` of verl's Parquet layout. `tasks.verify.reward` scores both.

`sft`: one row a solution: `messages`, the reasoning inside `<think>` of the assistant's.

`full`: every column of every stage, side tables as lists of structs, and what was asked for the row at what price.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import polars as pl
import pyarrow as pa

from tasks.publish.publishing import Export

DEEPMATH = pa.schema(
    [
        pa.field("question", pa.string()),
        pa.field("final_answer", pa.string()),
        pa.field("difficulty", pa.float64()),
        pa.field("topic", pa.string()),
        pa.field("r1_solution_1", pa.string()),
        pa.field("r1_solution_2", pa.string()),
        pa.field("r1_solution_3", pa.string()),
    ]
)
_READ: dict[str, pl.DataType | type[pl.DataType]] = {
    "question": pl.String, "final_answer": pl.String, "difficulty_rounded": pl.Float64, "topic": pl.String,
    "solutions": pl.List(pl.String),
}  # fmt: skip
SOURCE = "deepmath-curation"
"""verl's `data_source`: what a reward is chosen by."""


def deepmath(rows: pl.DataFrame, split: str) -> pl.DataFrame:
    """The seven columns."""
    del split
    solutions = [pl.col("solutions").list.get(i).alias(f"r1_solution_{i + 1}") for i in range(3)]
    return rows.select(
        "question", "final_answer", pl.col("difficulty_rounded").alias("difficulty"), "topic", *solutions
    )


def rl(rows: pl.DataFrame, split: str) -> pl.DataFrame:
    """A prompt and the answer to reach. `solution` is the answer between dollars, which TRL's own rewards parse."""
    return rows.select(
        "problem_id",
        data_source=pl.lit(SOURCE),
        prompt=pl.concat_list(_message("user", pl.col("question"))),
        ability=pl.lit("math"),
        reward_model=pl.struct(style=pl.lit("rule"), ground_truth=pl.col("final_answer")),
        extra_info=pl.struct(split=pl.lit(split), index=pl.col("problem_id")),
        solution=pl.format("${}$", pl.col("final_answer")),
        final_answer=pl.col("final_answer"),
        answer_type=_optional(rows, "answer_type"),
        difficulty=pl.col("difficulty_rounded"),
        topic=pl.col("topic"),
    )


def sft(rows: pl.DataFrame, split: str) -> pl.DataFrame:
    """One conversation a solution."""
    del split
    each = rows.select(
        "problem_id", "question", "solutions", "final_answer", "topic",
        difficulty=pl.col("difficulty_rounded"),
        model=_optional(rows, "solver_model"),
        solution=pl.int_ranges(1, pl.col("solutions").list.len() + 1),
    ).explode("solutions", "solution")  # fmt: skip
    return each.select(
        "problem_id",
        pl.col("solution"),
        messages=pl.concat_list(_message("user", pl.col("question")), _message("assistant", pl.col("solutions"))),
        final_answer=pl.col("final_answer"),
        difficulty=pl.col("difficulty"),
        topic=pl.col("topic"),
        model=pl.col("model"),
    )


def full(rows: pl.DataFrame, split: str) -> pl.DataFrame:
    """Everything, and the split."""
    return rows.with_columns(split=pl.lit(split))


MAKE: Mapping[Export, Callable[[pl.DataFrame, str], pl.DataFrame]] = {
    "deepmath": deepmath, "rl": rl, "sft": sft, "full": full
}  # fmt: skip


def table(export: Export, rows: pl.DataFrame, split: str) -> pa.Table:
    """Joined rows in one form, in types that every Parquet reader knows: no views, no large strings or lists."""
    made = MAKE[export](_complete(rows), split).to_arrow(compat_level=pl.CompatLevel.oldest())
    return made.cast(pa.schema([pa.field(one.name, _plain(one.type)) for one in made.schema]))


def _complete(rows: pl.DataFrame) -> pl.DataFrame:
    """A recipe that leaves a stage out lacks its columns: no row is whole then, and the forms keep their types."""
    missing = [pl.lit(None, kind).alias(name) for name, kind in _READ.items() if name not in rows.columns]
    return rows.with_columns(missing)


def _message(role: str, content: pl.Expr) -> pl.Expr:
    return pl.struct(role=pl.lit(role), content=content)


def _optional(rows: pl.DataFrame, name: str) -> pl.Expr:
    return pl.col(name) if name in rows.columns else pl.lit(None, pl.String)


def _plain(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_large_string(kind):
        return pa.string()
    if pa.types.is_large_list(kind):
        return pa.list_(_plain(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(one.name, _plain(one.type)) for one in kind])
    return kind
