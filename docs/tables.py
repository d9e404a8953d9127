"""docs/tables.md: the columns of every table, with a row of each, from `komep_dataset.schema` and the shipped sample.

python docs/tables.py >docs/tables.md
"""

import json
import sys
import tempfile
from contextlib import redirect_stdout
from pathlib import Path

import polars as pl

from komep_dataset import build, schema
from komep_dataset.samples import SAMPLE_INPUT

HEAD = """# Tables

Made by `python docs/tables.py >docs/tables.md` from [schema.py](../komep_dataset/schema.py) and the shipped sample, which was written for this
project. Tables are Parquet, or any format that [build.md](build.md#files) lists. Long texts are cut here by `…`. *needed*: must be there and not
empty in a file that you bring, under this name or by [`--map`](build.md#files); every other column may be left out.
"""
NEEDED = {
    schema.Question: ("question", "category"),
    schema.Response: ("question", "model", "response"),
    schema.ScoredGeneration: ("question", "category", "model", "response"),
}
NOTES = {
    schema.ScoredGeneration: "`units` or `dahl_score` is needed, too, or a `status` that says why there is neither. Id, score and status are "
    "computed from the rest. A question or answer that is Korean by its script needs no `_ko` column. A text in a `_ko` column that is not "
    "Korean by its script, nor a term, a number or an abbreviation (`ECG`), keeps its pair out of `ko`: it is told, and in `rejects.jsonl` as `untranslated`.",
}
SHOWN = 60  # characters of a text


def cut(value: object) -> object:
    if isinstance(value, str):
        return value if len(value) <= SHOWN else f"{value[:SHOWN]}…"
    if isinstance(value, list):
        return [cut(one) for one in value[:2]] + (["…"] if len(value) > 2 else [])
    return {name: cut(one) for name, one in value.items()} if isinstance(value, dict) else value


def section(title: str, record: type, row: dict) -> str:
    needed, docs = NEEDED.get(record, ()), schema.column_docs(record)
    lines = [
        f"## {title}",
        "",
        f"Key: {', '.join(f'`{one}`' for one in record.KEY)}. {NOTES.get(record, '')}".rstrip(),
        "",
    ]
    lines += ["| column | | |", "|---|---|---|"]
    lines += [f"| `{name}` | {'needed' if name in needed else ''} | {doc} |" for name, doc in docs.items()]
    shown = {name: cut(row.get(name)) for name in docs}
    return "\n".join([*lines, "", "```json", json.dumps(shown, ensure_ascii=False, indent=1), "```"])


def page() -> str:
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(sys.stderr):
        build([SAMPLE_INPUT], Path(folder) / "komep")
        rows = {
            name: pl.read_parquet(Path(folder) / f"komep/{name}/train-*.parquet").row(0, named=True)
            for name in schema.CONFIGS
        }
    one = rows["scored"]
    question = one | {"language": "en", "source": "written for the KoMeP project"}
    response = one | {
        "prompt_protocol": "chat", "temperature": 0.6, "top_p": 0.9, "max_new_tokens": 256, "seed": 0,
        "finish_reason": "stop", "prompt_tokens": 24, "completion_tokens": 96,
    }  # fmt: skip
    return "\n\n".join(
        [
            HEAD.rstrip(),
            section("Questions", schema.Question, question),
            section("Responses", schema.Response, response),
            section("Scored generations, and the config `scored`", schema.ScoredGeneration, one),
            section("A pair in Korean: the config `ko`", schema.KoreanRow, rows["ko"]),
            section("A pair in English: the config `en`", schema.ReleaseRow, rows["en"]),
        ]
    )


if __name__ == "__main__":
    print(page())
