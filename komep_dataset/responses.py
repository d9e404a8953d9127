"""`komep respond`: questions in, one model's responses out, one row a question whatever happens."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from komep_dataset.config.config import Config, Responder
from komep_dataset.errors import KomepError
from komep_dataset.files.outputs import stage_outputs
from komep_dataset.inference.ask import Body, ask, request
from komep_dataset.inference.reply_log import REFUSED, Reply
from komep_dataset.inference.wire.dialect import RENAMED
from komep_dataset.progress import tell
from komep_dataset.prompts.formats import FORMATS, cut_at_end
from komep_dataset.prompts.messages import responder_prompt
from komep_dataset.questions import collect
from komep_dataset.schema import Question, Reason, Reject, Response, split_of
from komep_dataset.tables.formats import stem_of, table_files
from komep_dataset.tables.problems import problems_error
from komep_dataset.tables.reading import applicable, read_table
from komep_dataset.tables.rows import columns_of
from komep_dataset.tables.writing import output_path, write_rejects, write_rows

STAGE = "respond"
TABLE = "responses.parquet"
SAMPLING = ("temperature", "top_p", "seed")


@dataclass(frozen=True, slots=True)
class Responded:
    """What `komep respond` did; `failures` counts rows without an answer, `reason` is that of the first."""

    path: Path
    rows: int
    failures: int
    reason: str = ""

    @property
    def frame(self) -> pl.DataFrame:
        """The table that was written."""
        return read_table(self.path, Response)


def read_asked(questions: Path, responder: Responder, columns: Mapping[str, str]) -> list[Question]:
    """The questions of a table that a responder is asked: all, or of a model in training those of the train split, so that
    the held-out pairs are the same in every round. A table without ids is read as `komep questions` reads it. `columns` is a map
    of names.

    Raises:
        KomepError: bad table, or none of its questions is for this responder.
    """
    files = table_files([questions])
    own = applicable(files, Question, columns)
    if any("question_id" in (name, own.get(name)) for file in files for name in columns_of(file)):
        table = read_table(questions, Question, columns=own)
        asked = [Question(**row) for row in table.iter_rows(named=True)]
    else:
        found, problems, repeats, _ = collect(files, "en", stem_of(questions), own)
        if problems:
            raise problems_error(problems)
        if repeats:
            tell(f"note: questions that stand there again, and are asked once: {len(repeats):,}")
        asked = list(found.values())
    if responder.round:
        asked = [one for one in asked if split_of(one.question_id) == "train"]
        if not asked:
            raise KomepError(
                f"{questions}: no question of the train split for {responder.name}, which has a `round`"
            )
    return asked


def request_for(question: Question, responder: Responder) -> Body:
    """The request for one question: protocol, and the sampling values that are not null."""
    texts = responder_prompt(question.question, responder.protocol, responder.format)
    if responder.format and responder.server != "transformers":  # which refuses keys that it does not know
        texts |= FORMATS[responder.format].extra
    sampling = {name: getattr(responder, name) for name in SAMPLING}
    return request(texts, sampling | {"max_tokens": responder.max_new_tokens}, responder)


def response_row(question: Question, responder: Responder, reply: Reply) -> Response:
    """A reply as a row of the table `responses`; the text is kept exactly as given, up to the format's end. A value
    that was not sent, since the endpoint refuses it, is null."""
    text = cut_at_end(reply.text, responder.format)
    ended = text != reply.text and not reply.failure  # the model had closed its answer: no limit cut it off
    sent = (name for name in SAMPLING if name not in reply.left_out.split())
    sampling = dict.fromkeys(SAMPLING) | {name: getattr(responder, name) for name in sent}
    return Response(
        question_id=question.question_id,
        model=responder.name,
        question=question.question,
        category=question.category,
        response=text,
        prompt_protocol="/".join(filter(None, (responder.protocol, responder.format))),
        **sampling,
        max_new_tokens=responder.extra_body.get(RENAMED["max_tokens"], responder.max_new_tokens),
        finish_reason="stop" if ended else reply.finish_reason,
        prompt_tokens=reply.prompt_tokens,
        completion_tokens=reply.completion_tokens,
    )


def respond(
    questions: Path, config: Config, model: str | None = None, output: Path | None = None
) -> Responded:
    """Ask one responder every question and write the table `responses`, with rejects beside it.

    Args:
        questions: table `questions`, or what `komep questions` makes one of: `question` and `category` are enough.
        config: the pipeline; answers are kept in `<work>/respond/<model>`, and the same command resumes.
        model: name of a responder in the configuration; None = the only one.
        output: the table to write, or a folder for `responses.parquet`; None = in the folder of the answers.

    Raises:
        KomepError: bad table, no question for this responder, no such responder, or an endpoint that answers nobody. A question that alone
            gets no answer is a row with `finish_reason` `failed`, and is asked again by the next run.
    """
    if model is None:
        if len(config.responders) != 1:
            names = ", ".join(one.name for one in config.responders) or "none"
            raise KomepError(f"{config.file}: --model is missing; the responders are: {names}", exit_code=2)
        model = config.responders[0].name
    responder = config.responder(model)
    asked = read_asked(questions, responder, config.columns)
    bodies = {q.question_id: request_for(q, responder) for q in asked}
    folder = responder_folder(config, responder)
    target = output_path(output or folder / TABLE, TABLE)
    with stage_outputs(folder, {target: Response}):
        replies = ask(bodies, responder, folder, label=f"respond {model}")
        rows = [response_row(q, responder, replies[q.question_id]) for q in asked]
        write_rows(rows, target, Response)
        without = {id: reply for id, reply in replies.items() if reply.failure}
        failed = [one.failure for one in without.values() if one.finish_reason != REFUSED]
        rejects = [
            Reject(STAGE, f"{id}/{model}", Reason.REQUEST_FAILED.value, reply.failure)
            for id, reply in without.items()
            if reply.finish_reason != REFUSED or reply.filtered
        ]
        write_rejects(target.parent, STAGE, rejects, own=lambda key: key.endswith(f"/{model}"))
    return Responded(target, len(rows), len(failed), failed[0] if failed else "")


def responder_folder(config: Config, responder: Responder) -> Path:
    """Where a responder's replies and logs are kept."""
    return config.work / STAGE / responder.folder
