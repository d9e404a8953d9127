"""What a run would ask and cost, told before anything is asked: `--estimate` of `komep respond`, `score`,
`translate` and `run`.

Calls of responders and of the splitter are counted on the real prompts, without those that the work folder has an
answer for, and so are those of a checker once the splitter has answered all. Before that units are an assumption, and so are
answers that do not exist yet; the line says so. Completions are counted as long as their limit allows: what comes out is about the
most that the run costs, not the mean.
"""

import math
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from komep_dataset.config.config import APPEAL, Checker, Config, Endpoint
from komep_dataset.config.evidence import Evidence
from komep_dataset.config.selection import said_in_settings
from komep_dataset.evidence.readiness import embedding_bodies, shown_with_a_unit
from komep_dataset.inference.ask import Body, judge_body, unanswered, unsent
from komep_dataset.inference.costs import PriceTable, amount, load_prices, spent_in
from komep_dataset.inference.wire.dialect import token_limit
from komep_dataset.judge.calibration import calibrate, folder_of, statements_of
from komep_dataset.judge.injections import measure_config
from komep_dataset.pipeline.run import check_complete, questions_stage
from komep_dataset.pipeline.screening import STAGE as SCREEN
from komep_dataset.pipeline.screening import Asked, looks_of, read_questions
from komep_dataset.pipeline.tokens import CHARACTERS_A_TOKEN, prompt_tokens, token_counter
from komep_dataset.progress import counted
from komep_dataset.prompts.messages import check_messages, evidence_messages, split_messages
from komep_dataset.responses import read_asked, request_for, responder_folder
from komep_dataset.schema import Question
from komep_dataset.scores.checking import CHECK_TOKENS, CITING_TOKENS, STRUCTURED_TOKENS
from komep_dataset.scores.scoring import CHECK, SPLIT_TOKENS, read_responses, split_and_check, to_split
from komep_dataset.scores.scoring import STAGE as SCORE
from komep_dataset.scores.sentences import count_sentences
from komep_dataset.tables.reading import read_table
from komep_dataset.translation.checks.second_look import SECOND_LOOK
from komep_dataset.translation.glossary import Glossary
from komep_dataset.translation.stage import STAGE as TRANSLATE
from komep_dataset.translation.stage import requests_of
from komep_dataset.translation.translator import Session, Text, first_requests, look_requests

UNLIMITED_TOKENS = 512  # what is assumed of an answer whose length nothing limits (ours)
UNITS_A_SENTENCE = 2  # what is assumed of a response (ours; the paper gives no figure)
PASSAGE_TOKENS = 16  # what JSON puts around a passage, about (ours)
SENTENCE_TOKENS = 25  # what is assumed of a sentence of an answer that does not exist yet (ours)


@dataclass(frozen=True, slots=True)
class Line:
    """One stage at one model: calls, tokens, what they cost as they are asked (None: no price known), what is assumed, and
    what they cost `online` and `by_batch`, where each is known."""

    stage: str
    model: str
    calls: int
    prompt_tokens: float
    completion_tokens: float
    cost: float | None
    tokens_by: str
    assumed: str = ""
    online: float | None = None
    by_batch: float | None = None


def line_of(
    stage: str, endpoint: Endpoint, bodies: Iterable[dict[str, Any]], prices: PriceTable, note: str = ""
) -> Line:
    """A line for requests whose texts are known; each completion as long as its limit."""
    count, _ = token_counter(endpoint)
    bodies = list(bodies)
    sent = sum(prompt_tokens(body, count) for body in bodies)
    limits = [token_limit(body) for body in bodies]
    received = sum(limit or UNLIMITED_TOKENS for limit in limits)
    unlimited = "" if all(limits) else f"{UNLIMITED_TOKENS} tokens an answer, which has no limit"
    return _priced(stage, endpoint, len(bodies), sent, received, prices, note, unlimited)


def _priced(
    stage: str, endpoint: Endpoint, calls: int, sent: float, received: float, prices: PriceTable, *notes: str
) -> Line:
    price, listed = prices.price_of(endpoint), prices.models.get(endpoint.model)
    listed = None if endpoint.server else listed
    online = listed.cost(calls, sent, received) if listed else None
    by_batch = listed.by_batch.cost(calls, sent, received) if listed and listed.batch is not None else None
    if by_batch is None:
        way = "by batch, whose price is not known: in full" if endpoint.batch_api else ""
    elif endpoint.batch_api:
        way = f"by batch, online {amount(online, prices.currency)}"
    else:
        way = f"by batch {amount(by_batch, prices.currency)}"
    return Line(
        stage=stage,
        model=endpoint.model,
        calls=calls,
        prompt_tokens=sent,
        completion_tokens=received,
        cost=price.cost(calls, sent, received) if price else None,
        tokens_by=token_counter(endpoint)[1],
        assumed="; ".join(filter(None, (way if listed else "", *notes))),
        online=online,
        by_batch=by_batch,
    )


def estimate_respond(questions: Path, config: Config, model: str) -> list[Line]:
    """What `komep respond` would ask; nothing is asked."""
    responder = config.responder(model)
    bodies = [request_for(one, responder) for one in read_asked(questions, responder, config.columns)]
    missing = unanswered(bodies, responder, responder_folder(config, responder))
    return [line_of(f"respond {model}", responder, missing, load_prices(config.prices))]


@said_in_settings()
def estimate_screen(questions: Path, config: Config) -> list[Line]:
    """What `komep screen` would ask about the questions of a table; nothing is asked."""
    return _looks_line(read_questions(questions, config.columns), config)


def _looks_line(asked: Sequence[Asked], config: Config, untranslated: Collection[str] = ()) -> list[Line]:
    screener = config.judge("screener")
    looks = looks_of(asked, config, untranslated)
    missing = unanswered([look.body(screener) for look in looks], screener, config.work / SCREEN)
    note = (
        f"of {len(untranslated):,} questions that are not translated yet all, without their Korean"
        if untranslated
        else ""
    )
    return [line_of(SCREEN, screener, missing, load_prices(config.prices), note)]


@said_in_settings()
def estimate_score(responses: Sequence[Path], config: Config, mode: str) -> list[Line]:
    """What `komep score` would ask about these responses; nothing is asked."""
    rows = {(row.question_id, row.model): row for row in read_responses(responses, config.columns)}
    texts = to_split(rows, mode)[0].values()
    splitter, prices = config.judge("splitter"), load_prices(config.prices)
    keeps = splitter.keeps(mode)
    bodies = [judge_body(split_messages(text, keeps=keeps), splitter, SPLIT_TOKENS) for text in texts]
    missing = unanswered(bodies, splitter, config.work / SCORE / "split")
    split = line_of("score: split", splitter, missing, prices)
    judges = config.judges()
    if not missing and not _embedded(judges.values()):
        with unsent() as found:  # units are known, and so is what was said of them
            split_and_check(rows, config, mode)
        labels = _labels(judges)
        bodies = {label: found.get((label, judges[name]), {}).values() for name, label in labels.items()}
        return [split, *(line_of(labels[n], judges[n], bodies[labels[n]], prices) for n in judges)]
    count, _ = token_counter(config.judge("checker"))
    sentences = sum(count_sentences(text) for text in texts)
    return [split, *_check_lines(sentences, sum(map(count, texts)), config, mode, prices)]


def _labels(judges: Mapping[str, Checker]) -> dict[str, str]:
    return {name: f"{CHECK} by {name}" if len(judges) > 1 else CHECK for name in judges}


def _embedded(judges: Iterable[Checker]) -> bool:
    return any(one.evidence and one.evidence.embeddings for one in judges)


def _check_lines(
    sentences: int, tokens: float, config: Config, mode: str, prices: PriceTable
) -> Iterator[Line]:
    """The calls of every checker for so many sentences of so many tokens; every option of a checker counts. Before them, those
    of the embeddings by which its passages are found."""
    judges, note = config.judges(), ""
    for name, stage in _labels(judges).items():
        yield from _judge_lines(judges[name], stage, sentences, tokens, mode, prices, note)
        note = "as if every unit came to it" if config.agreement == APPEAL else ""  # to the second and later


def _judge_lines(
    checker: Checker, stage: str, sentences: int, tokens: float, mode: str, prices: PriceTable, note: str
) -> Iterator[Line]:
    units = UNITS_A_SENTENCE * sentences
    calls = math.ceil(units / checker.batch) * checker.votes
    count, _ = token_counter(checker)
    question, added = "" if checker.context else None, 0.0
    messages, usual = check_messages("", mode, question), CHECK_TOKENS * checker.batch
    usual = STRUCTURED_TOKENS if checker.structured else usual
    if evidence := checker.evidence:
        shown = shown_with_a_unit(evidence)
        messages, usual = evidence_messages("", (), question), CITING_TOKENS
        each = [count(f"{p.id} {p.title} {p.text}") + PASSAGE_TOKENS for own in shown for p in own]
        added = sum(each) / len(shown)
        usual += sum(len(p.id) for own in shown for p in own) // len(shown)
        yield from _embed_line(evidence, units, UNITS_A_SENTENCE * tokens, prices)
    empty = judge_body(messages, checker, usual)
    # A unit repeats the subject of its sentence: each is taken to be as long as the sentence.
    sent = calls * (prompt_tokens(empty, count) + added) + UNITS_A_SENTENCE * tokens * checker.votes
    limit = checker.limit(usual) or UNLIMITED_TOKENS
    assumed = f"{UNITS_A_SENTENCE} units a sentence, none repeated, none checked before"
    yield _priced(stage, checker, calls, sent, calls * limit, prices, assumed, note)


def _embed_line(evidence: Evidence, units: int, tokens: float, prices: PriceTable) -> Iterator[Line]:
    """The calls for the vectors of a corpus, and of so many units of so many tokens."""
    model = evidence.embeddings
    if model and model.endpoint:
        count, _ = token_counter(model)
        sizes = [prompt_tokens(body, count) for body in embedding_bodies(evidence)]
        calls = len(sizes) + math.ceil(units / model.batch)
        assumed = f"{len(sizes):,} of them for passages; {UNITS_A_SENTENCE} units a sentence, none repeated"
        yield _priced("score: embed", model, calls, sum(sizes) + tokens, 0, prices, assumed)


@said_in_settings(chained=True)
def estimate_run(config: Config) -> list[Line]:
    """What `komep run` would ask, stage by stage; answers that do not exist yet are taken to be full length."""
    check_complete(config)
    with tempfile.TemporaryDirectory() as folder:  # its work folder is not touched
        table = Path(folder) / "questions.parquet"
        questions_stage(config, table).run()
        asked = [Question(**row) for row in read_table(table, Question).iter_rows(named=True)]
        lines = [line for one in config.responders for line in estimate_respond(table, config, one.name)]
        last = _screen_lines(table, config) if config.screener else []
    tables = [responder_folder(config, r) / "responses.parquet" for r in config.responders]
    if all(table.is_file() for table in tables) and not any(line.calls for line in lines):
        lines += estimate_score(tables, config, config.mode)
    else:
        lines += _assumed_score(len(asked), config)
    lines += _translate_lines(asked, config) if config.translator else []
    return lines + last


@said_in_settings()
def estimate_translate(scored: Path, config: Config) -> list[Line]:
    """What `komep translate` would ask about a table of scored generations; nothing is asked."""
    translator, folder = config.judge("translator"), config.work / TRANSLATE
    bodies, looks = requests_of(scored, config)
    bodies = unanswered(bodies, translator, folder)
    if translator.second_look:
        looks = unanswered(looks, translator.second_look, folder / SECOND_LOOK.name)
    return _lines_of_translation(bodies, looks, config, "no text asked for twice")


def _lines_of_translation(bodies: list[Body], looks: list[Body], config: Config, note: str) -> list[Line]:
    translator, prices = config.judge("translator"), load_prices(config.prices)
    lines = [line_of(TRANSLATE, translator, bodies, prices, note)]
    if look := translator.second_look:
        note = f"translations that are not there half as long as their texts, {note}"
        lines.append(line_of(f"{TRANSLATE}: second look", look, looks, prices, note))
    return lines


def _translate_lines(asked: Sequence[Question], config: Config) -> list[Line]:
    """The translator's calls of a chained run: of the table that is there, else as if every question had a pair."""
    scored = config.work / SCORE / "scored.parquet"
    if scored.is_file():
        return estimate_translate(scored, config)
    translator = config.judge("translator")
    session = Session(translator, config.work / TRANSLATE, Glossary.of({}))
    length = max((r.max_new_tokens or UNLIMITED_TOKENS for r in config.responders), default=0)
    answers = len(config.responders) if translator.scope == "all" else min(2, len(config.responders))
    answer = "x" * int(CHARACTERS_A_TOKEN * length)
    ends = ("", *(f" {answer}{n}" for n in range(answers)))
    texts = [Text(f"{one.question}{end}") for one in asked for end in ends]
    looks = look_requests(texts, session)
    note = f"every question with {answers} answers as long as their limit, none asked for twice"
    return _lines_of_translation(first_requests(texts, session), looks, config, note)


def _screen_lines(questions: Path, config: Config) -> list[Line]:
    """The screener's calls of a chained run: about its questions, with the Korean that is there."""
    asked, table = read_questions(questions, config.columns), config.work / TRANSLATE / "translated.parquet"
    if config.translator is None:
        return _looks_line(asked, config)
    known = {one.question_id: one for one in read_questions(table, {})} if table.is_file() else {}
    new = {one.question_id for one in asked} - known.keys()
    return _looks_line([known.get(one.question_id, one) for one in asked], config, new)


def _assumed_score(questions: int, config: Config) -> list[Line]:
    """Splitter and checker for answers that are not there yet: each as long as its responder's limit."""
    splitter, prices = config.judge("splitter"), load_prices(config.prices)
    count, _ = token_counter(splitter)
    limits = [responder.max_new_tokens or UNLIMITED_TOKENS for responder in config.responders]
    calls, tokens = questions * len(limits), questions * sum(limits)
    empty = split_messages("", keeps=splitter.keeps(config.mode))
    overhead = prompt_tokens(judge_body(empty, splitter, SPLIT_TOKENS), count)
    received = calls * (splitter.limit(SPLIT_TOKENS) or UNLIMITED_TOKENS)
    note = "every answer as long as its limit"
    split = _priced("score: split", splitter, calls, calls * overhead + tokens, received, prices, note)
    note = f"{note}, {SENTENCE_TOKENS} tokens a sentence"
    lines = _check_lines(math.ceil(tokens / SENTENCE_TOKENS), tokens, config, config.mode, prices)
    return [split, *(replace(x, assumed="; ".join(filter(None, (note, x.assumed)))) for x in lines)]


def estimate_calibrate(
    config: Config,
    path: Path | None,
    *,
    labelled_set: str | None,
    mode: str,
    limit: int | None,
    adversarial: bool,
    columns: Mapping[str, str],
) -> list[Line]:
    """What `komep calibrate` would ask, of `judge.calibration.calibrate_file` and, `adversarial`, `judge.injections`."""
    note, judges = "", list(config.judges().values())
    if _embedded(judges):  # which would be asked for, and are paid for
        judges = [replace(one, evidence=None) for one in judges]
        config = replace(config, checker=judges[0], panel=tuple(judges) if len(judges) > 1 else ())
        note = "without the texts of passages, which embeddings find"
    with unsent() as found:
        if adversarial:
            measure_config(config, limit)
        else:
            statements, _ = statements_of(path, labelled_set, limit, columns)
            for checker in judges:
                calibrate(checker, statements, folder_of(config), mode=mode)
    prices, names = load_prices(config.prices), {one: name for name, one in config.judges().items()}
    return [
        line_of(
            f"{label} by {names.get(model, model.model)}" if len(judges) > 1 else label,
            *(model, bodies.values(), prices, note),
        )
        for (label, model), bodies in found.items()
    ]


def as_text(lines: Sequence[Line], config: Config) -> str:
    """The estimate for people: a line a stage, the sum, the budget, where prices come from."""
    table = load_prices(config.prices)
    width = max(len(line.stage) for line in lines)
    costs = ("no price known" if x.cost is None else amount(x.cost, table.currency) for x in lines)
    told = [
        f"{line.stage:<{width}}  {line.calls:>10,} calls  {round(line.prompt_tokens):>13,} tokens in  "
        f"{round(line.completion_tokens):>12,} out at most  {cost:>16}  "
        f"({'; '.join(filter(None, (line.tokens_by, line.assumed)))})"
        for line, cost in zip(lines, costs, strict=True)
    ]
    known = sum(line.cost for line in lines if line.cost is not None)
    unknown = sorted({line.model for line in lines if line.cost is None})
    if any(line.cost is not None for line in lines):
        told.append(f"at most about {amount(known, table.currency)}" + (" for the rest" if unknown else ""))
        priced = [line for line in lines if line.by_batch is not None]
        all_ways = {
            "asked online": sum(line.online - line.cost for line in priced),
            "with `batch_api: true`": sum(line.by_batch - line.cost for line in priced),
        }
        told += [f"{way} {amount(known + more, table.currency)}" for way, more in all_ways.items() if more]
    if unknown:
        told.append(f"no price known for {', '.join(unknown)}: {table.file} does not have it")
    spent, calls = spent_in(config.policy().spending)
    if calls:
        told.append(f"spent so far: {amount(spent, table.currency)} by {counted(calls, 'call')}")
    if config.budget is not None:
        refused = "; a run is refused until every price is known, or without it" if unknown else ""
        told.append(f"budget: {amount(config.budget, table.currency)}{refused}")
    used = sorted({line.model for line in lines} & table.models.keys())
    told += [f"price of {m}: read {table.models[m].date}, {table.models[m].source}" for m in used]
    told.append("nothing was asked; what was answered before is not counted again")
    return "\n".join(told)
