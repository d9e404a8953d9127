"""Columns under other names: which known one is likely meant, and maps of a file's own names to the known ones.

A map is file's name -> known name, as `--map 질문=question` and `columns:` of pipeline.yaml say it; several names may stand for
one column, of which a table has one. A known name -> a text
behind `=` is a constant, which every row has where the file has nothing: `--map category==내과`, `category: =내과`.
"""

import difflib
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from komep_dataset.errors import KomepError
from komep_dataset.schema import CitedGeneration, Question, Reason, Response, column_types
from komep_dataset.tables.problems import Fault
from komep_dataset.tables.values import stands_for_none

SHOWN = 8  # names in a message
ALIKE = 0.75  # difflib's ratio, from which a name is a known one that was misspelt
# What others call the columns, folded by `_plain`.
_ALIASES = {
    "question": "prompt|query|instruction|input|stem|problem|question_text|질문|문항|문제|질의",
    "response": "answer|output|completion|generation|reply|response_text|model_answer|model_output|answer_text|prediction"
    "|답변|응답|답|대답|모델답변|모델응답",
    "model": "llm|system|responder|generator|model_name|model_id|engine|assistant|모델|모델명|모형|시스템",
    "category": "subject|topic|field|domain|specialty|department|section|class|분류|범주|과목|분과|분야|카테고리|진료과|영역",
    "units": "facts|claims|statements|atoms|atomic_facts|atomic_units|atomic_claims|propositions|sentences|judgements|judgments"
    "|verdicts|checks|단위|사실|주장|명제|진술",
    "dahl_score": "score|dahl|factuality|factual_score|accuracy|precision|점수|평점|사실성",
    "question_ko": "korean_question|question_kr|question_korean|question_translated|한국어질문|질문_한국어|번역질문",
    "response_ko": "korean_response|response_kr|response_korean|answer_ko|answer_kr|response_translated|한국어답변"
    "|답변_한국어|번역답변",
    "language": "lang|locale|언어",
    "text": "statement|claim|sentence|문장",
    "label": "gold|truth|is_true|정답|참거짓",
    "source": "origin|dataset|출처",
    "status": "state|상태",
}
_ALIASES |= {
    letter: "|".join(
        f"{stem}_{n}|{stem}{n}" for stem in ("option", "choice", "보기", "선택지") for n in (number, letter)
    )
    for number, letter in enumerate("ABCDE", 1)
}
# What a column is in tables of questions with options, which have no such ones as above.
_OF_OPTIONS = {"label": "answer", "response": "answer", "category": "subject"}
# Every column that some table of KoMeP has, and two that stand beside them: none of them is strange anywhere.
KNOWN = frozenset(
    {"evidence", "f1_at_k", "response_tokens", "split"}.union(
        *(column_types(r) for r in (Question, Response, CitedGeneration))
    )
)
OF_CORPUS = ("id", "title", "text", "url", "language")
OF_EVIDENCE = ("question_id", "question", "evidence")
CONSTANT = "="  # how the text of a constant begins
# Columns by what they are of the two that are mistaken for each other.
_ROLES = dict.fromkeys(("question", "question_ko", "prompt"), "question") | dict.fromkeys(
    ("response", "response_ko", "answer", "chosen", "rejected"), "response"
)
_OF_ALL = ("category", "model", "subject")  # what a file may lack since it is the same in all of it
# What a row has of its own, or is no text, is no constant.
_OF_ROWS = frozenset(
    {
        "question_id",
        "response",
        "response_ko",
        "evidence",
        "f1_at_k",
        "split",
        "label",
        "chosen_score",
        "rejected_score",
    }
).union(
    name
    for record in (Question, Response, CitedGeneration)
    for name, (hint, _) in column_types(record).items()
    if hint is not str
)

# Columns by which the files of other projects are known -> what such a file holds.
_OTHERS = {
    ("chosen", "rejected"): "preference pairs",
    ("conversations",): "conversations",
    ("messages",): "conversations",
    ("instruction", "output"): "instructions",
    ("prompt", "completion"): "completions",
    ("response_0", "response_1"): "preference pairs",
    ("response_j", "response_k"): "preference pairs",
    ("model_a", "model_b"): "comparisons",
}
_OTHERS_TOO = (
    "pairs follow here from answers with scores (question, model, response, and units or dahl_score). To train on a "
    "file as it is, give it to a recipe (recipes/dpo.py --dataset_name FILE); of a release, such answers lie in its folder scored"
)


def _plain(name: str) -> str:
    """A name without what spreadsheets and people add: blanks, capitals, signs; composed."""
    return re.sub(r"[\W_]+", "_", unicodedata.normalize("NFC", name).strip().casefold()).strip("_")


_ALIAS_OF = {_plain(alias): name for name, aliases in _ALIASES.items() for alias in aliases.split("|")}
# How surely a name is meant: 문항 beside 질문 is the number of an item.
_RANK = {_plain(alias): n for aliases in _ALIASES.values() for n, alias in enumerate(aliases.split("|"))}


def likely(name: str, known: Collection[str], value: Any = None) -> str | None:
    """The known column that a strange one may be: by its name, as others have it or misspelt, or by a value of it; None where
    none is near."""
    plain = _plain(name)
    meant = _ALIAS_OF.get(plain, "")
    for name in (meant, _OF_OPTIONS.get(meant)):
        if name in known:
            return name
    if isinstance(value, list) and "units" in known and value and isinstance(value[0], dict):
        return "units"
    return next(iter(difflib.get_close_matches(plain, known, n=1, cutoff=ALIKE)), None)


def others_told(
    row: Mapping[Any, Any],
    known: Collection[str],
    lacking: Collection[str],
    maps: bool,
    nowhere: Collection[str] = (),
) -> str:
    """What a row, or a header (with None as values), has under names that its table does not know, where one of the `lacking`
    values may be; or "". `maps`: whether the command has `--map`; `nowhere`: columns that the table as a whole lacks."""
    others = [str(name) for name in row if name and name not in known]
    told = f"; the row has {', '.join(map(_quoted, others[:SHOWN]))}, too" if others else ""
    return told + "".join(f"; {one}" for one in advice_on(row, known, lacking, maps, nowhere))


def advice_on(
    row: Mapping[Any, Any],
    known: Collection[str],
    lacking: Collection[str],
    maps: bool,
    nowhere: Collection[str],
) -> list[str]:
    """What to do about columns that a row lacks, by the others that it has; arguments as of `others_told`."""
    others = [str(name) for name in row if name and name not in known]
    absent = [name for name in known if name not in row]
    meant = {name: likely(name, lacking, row[name]) or likely(name, absent) for name in others}
    for name in sorted(others, key=lambda name: _RANK.get(_plain(name), len(_RANK))):
        if meant[name] in [meant[one] for one in others if one != name]:
            meant |= {one: None for one in others if one != name and meant[one] == meant[name]}
    free = [name for name in others if meant[name] is None]
    rest = [name for name in lacking if name not in meant.values()]
    if any(meant.values()) and len(free) == len(rest) == 1:
        meant[free[0]] = rest[0]  # where names are a user's own, the only one for the only column left
    near = [_advice(new, name, maps) for new, name in meant.items() if name][:SHOWN]
    same = [name for name in _OF_ALL if maps and name in {*lacking} & {*nowhere} - {*meant.values()}]
    return near + [f"is {name} the same in every row? --map {name}==TEXT" for name in same]


def left_out(names: Iterable[str], known: Collection[str]) -> str:
    """A sentence on the columns that a table does not know, each with the known one that it may be; or ""."""
    names = [name for name in names if name]
    lacking = [name for name in known if name not in names]
    strange = [name for name in names if name not in KNOWN and name.casefold() not in KNOWN]
    meant = {name: likely(name, lacking) for name in strange}
    near = "; ".join(_advice(new, name, True) for new, name in meant.items() if name)
    if not near:  # what stands beside the table for its owner's use
        return ""
    return f"not read, since no such column is known: {', '.join(map(_quoted, strange[:SHOWN]))}; {near}"


def _advice(new: str, name: str, maps: bool) -> str:
    shown = f"{new}={name}"
    shown = shown if re.fullmatch(r"[\w=-]+", shown) else f"'{shown}'"
    return f"is {_quoted(new)} the column {name}? " + (f"--map {shown}" if maps else f"rename it to {name}")


def _quoted(name: str) -> str:
    return f'"{name}"' if len(name) <= 60 else f'"{name[:57]}…"'


def parse_map(given: Sequence[str], known: Collection[str] | type) -> dict[str, str]:
    """`NEW=known` of each `--map` as file's name -> known name, and `known==text` as known name -> `=text`.

    `known`: the columns, or the record type that has them. Raises `KomepError`, exit code 2; see `map_problem`.
    """
    known = column_types(known) if isinstance(known, type) else known
    found: dict[str, str] = {}
    for text in given:
        parts = [part.strip() for part in text.split(",")]
        if parts[1:] and all(
            part.partition("==")[0] in known or part.rpartition("=")[2] in known for part in parts
        ):
            raise KomepError(
                f"--map {text}: give each one by itself: --map {' --map '.join(parts)}", exit_code=2
            )
        new, sign, name = text.partition("==")
        if sign and (new.strip() in known or text.rpartition("=")[2].strip() not in known):
            name = f"{CONSTANT}{name.strip()}"
        else:
            new, _, name = text.rpartition("=")
        new, name = new.strip(), name.strip()
        if not (new and name):
            raise KomepError(
                f"--map {text}: give NEW=known, such as 질문=question, or known==TEXT, such as category==내과",
                exit_code=2,
            )
        if new in found:
            raise KomepError(f"--map {new}={found[new]}: stands twice; give it once", exit_code=2)
        found[new] = name
    check_map(found, known)
    return found


def check_map(columns: Mapping[str, str], known: Collection[str] = KNOWN) -> None:
    """Raise `KomepError`, exit code 2, for a map with a `map_problem`."""
    if problem := map_problem(columns, known):
        raise KomepError(f"--map {problem[0]}={columns[problem[0]]}: {problem[1]}", exit_code=2)


def map_problem(columns: Mapping[str, str], known: Collection[str] = KNOWN) -> tuple[str, str] | None:
    """(a name of a map, what is wrong with it), or None: its column is none, or no place for a constant, or given twice."""
    targets = {new: new if name.startswith(CONSTANT) else name for new, name in columns.items()}
    for new, name in targets.items():
        if name not in known:
            said, near = f"no column {name!r} is known here", likely(name, known)
            turned = _ALIAS_OF.get(_plain(name)) == new  # a misspelt `new` is near to it, too
            if new in known and (turned or not near):
                text = f", and a text for every row is written ={name} (--map {new}=={name})"
                first = f"the file's own name stands first (--map {name}={new})"
                return new, f"{said}; {first}{'' if turned else text}"
            near = near or next(iter(difflib.get_close_matches(name, known, n=1, cutoff=0.0)))
            return new, f"{said}; did you mean {near!r}? (all: {', '.join(sorted(known))})"
        if columns[new] == CONSTANT:
            return new, f"the text of every row's {name} is missing behind the ="
        if columns[new].startswith(CONSTANT) and name in _OF_ROWS:
            said = "is not the same text in every row; name the column that holds it, as"
            return new, f"{name} {said} NEW={name}"
        both = (o for o in targets if o != new and targets[o] == name and CONSTANT in columns[o][:1])
        if other := next(both, None):
            said = f"says that {name} is the same in every row; take one of the two out"
            return new, f"{other}={columns[other]} {said}"
    return None


def crossed(columns: Mapping[str, str] | None) -> str:
    """What a map seems to have the wrong way round: a name that is a word for the question read as the response, or the reverse;
    or ""."""
    told = []
    for new, name in renames(columns).items():
        meant = _ALIAS_OF.get(_plain(new), _plain(new))
        if {_ROLES.get(meant), _ROLES.get(name)} == {"question", "response"}:
            told.append(
                f"{_quoted(new)} is a word for the {_ROLES[meant]}, and is read as {name} (--map {new}={name})"
            )
    return f"{'; '.join(told)}: is it the other way round?" if told else ""


def constants(columns: Mapping[str, str] | None) -> dict[str, str]:
    """Known name -> the text of every row, of a map."""
    return {
        name: text.removeprefix(CONSTANT)
        for name, text in (columns or {}).items()
        if text.startswith(CONSTANT)
    }


def renames(columns: Mapping[str, str] | None) -> dict[str, str]:
    """File's name -> known name, of a map, without its constants."""
    return {new: name for new, name in (columns or {}).items() if not name.startswith(CONSTANT)}


def no_such_column(new: str, columns: Mapping[str, str], there: Iterable[str]) -> KomepError:
    """What is said of a name of a map that no table has."""
    return KomepError(
        f"--map {new}={columns[new]}: there is no column {new!r} to be read as that (there are: {', '.join(there)})"
    )


def other_value(place: object, name: str, given: Any, text: str) -> KomepError:
    """What is said where a row has another value than a constant."""
    return KomepError(
        f"{place}: {name} is {given!r:.60} here, and --map {name}=={text} says that it is {text!r} in every row; take out one of "
        "the two"
    )


def of_file(names: Collection[str], columns: Mapping[str, str], place: object) -> dict[str, str]:
    """The part of a map that a file has, under the names as the file spells them; no constants.

    Raises `KomepError` where the file has the known column, too.
    """
    if not columns:
        return {}
    plain = {unicodedata.normalize("NFC", name).strip(): name for name in names if name}
    folded = {name.casefold(): spelt for name, spelt in plain.items()}
    found = {}
    for new, name in renames(columns).items():
        wanted = unicodedata.normalize("NFC", new).strip()
        spelt = plain.get(wanted) or folded.get(wanted.casefold())
        if spelt is None or spelt == name:
            continue
        others = [name] if name in names else [one for one in found if one != spelt and found[one] == name]
        if others:
            raise KomepError(
                f"{place}: {spelt!r} is to be read as {name}, but there is a column {others[0]}, too; rename or take out "
                "one of the two"
            )
        found[spelt] = name
    return found


def own_names(names: Collection[str], columns: Mapping[str, str] | None, place: object) -> dict[str, str]:
    """The renames of a map, under the names as a file spells them, too; raises what `of_file` does."""
    return renames(columns) | of_file(names, columns, place) if columns else {}


def renamed(row: dict[Any, Any], columns: Mapping[str, str]) -> dict[Any, Any] | Fault:
    """A row with its columns under the known names, by a map without constants; a fault where it has both names."""
    if not columns:
        return row
    seen: dict[str, str] = {}
    for new, name in columns.items():
        if new != name and row.get(new) is not None:
            other = seen.setdefault(name, new if row.get(name) is None else name)
            if other != new:
                return Fault(
                    name, Reason.BAD_VALUE, f"stands under {new!r} and under {other!r}; take one out"
                )
    kept = {name: value for name, value in row.items() if name not in columns}
    moved = {name: value for name, value in row.items() if name in columns and value is not None}
    return kept | {columns[name]: value for name, value in moved.items()}


def with_constants(row: dict[Any, Any], fixed: Mapping[str, str], place: object) -> dict[Any, Any]:
    """A row with some `constants` where it has nothing; `KomepError` where it has another value."""
    for name, text in fixed.items():
        spelt = name if name in row else next((n for n in row if str(n).casefold() == name), name)
        given = row.get(spelt)
        if given is None or (isinstance(given, str) and (not given.strip() or stands_for_none(given))):
            row = row | {spelt: text}
        elif given != text:
            raise other_value(place, name, given, text)
    return row


def check_shape(path: Path, record: type, optional: Collection[str], names: Collection[str]) -> None:
    """Raise `KomepError` for data of another kind that people have, by the names of its columns: each row would only be
    told what it lacks."""
    names = set(names)
    if "units" in column_types(record) and "verdict" in names and not {"units", "dahl_score"} & names:
        raise KomepError(
            f"{path}: a row a unit, as its column verdict says, and here a row is an answer with all its units; group the rows "
            "by question and model, and write the units of each as one list, units: [{text, verdict}]"
        )
    needed = {name for name, (_, nullable) in column_types(record).items() if not nullable} - {*optional}
    if needed <= names:
        return
    plain = {*map(str.casefold, names)}
    if "question" in plain and "response" in needed and plain <= column_types(Question).keys():
        raise KomepError(
            f"{path}: questions without answers (columns {', '.join(sorted(names))}); `komep respond {path} --config pipeline.yaml "
            "--model NAME --output responses.parquet` has a model answer them, and `komep run pipeline.yaml` does every stage"
        )
    for columns, what in _OTHERS.items():
        if set(columns) <= names:
            raise KomepError(
                f"{path}: {what} (columns {', '.join(columns)}), no {', '.join(sorted(needed))}; {_OTHERS_TOO}"
            )
