"""Why an answer ended, from a word of which every server has its own.

OpenAI has `stop`, `length`, `content_filter`, `tool_calls`; others say STOP, end_turn, stop_sequence, MAX_TOKENS,
model_length, SAFETY, abort, insufficient_system_resource, or nothing. What counts are the words in it, and no list of
whole reasons: one that nobody has heard of ended an answer, unless a word says that it is none.
"""

from komep_dataset.replies.patterns import Pattern

STOP, LENGTH, WITHHELD, PASSING, UNFINISHED = "stop", "length", "withheld", "passing", "unfinished"
# In the order in which they count, by the beginning of a word: `safety_limit` is no limit of length, `time_limit` passes.
_WORDS = (
    (
        WITHHELD,
        "filter|safe|unsafe|moderat|polic|prohibit|block|recit|copyright|refus|reject|denied|forbid|sensitive|guardrail"
        "|interven|violat|violen|censor|withh|toxic|harm|hate|sexual|danger|nsfw|jailbreak|risk|flag|malform|unexpected"
        "|s?pii",
    ),
    (LENGTH, "length|max|tokens|context|window|budget|trunc|incomplete"),
    (
        PASSING,
        "abort|err|internal|cancel|insufficient|time|deadline|overload|unavail|fail|network|connection|reset|interrupt"
        "|preempt|evict|busy|exhaust|resource|disconnect|kill|dead|crash|shutdown|lost|drop|retry|rate|quota|capacity|load",
    ),
    (LENGTH, "limit|cut|exceed"),
    (UNFINISHED, "paus|repet|loop|tool|function|unspecif"),
    (STOP, "eos|eot|end|stop|complete|finish|done"),
)
LONGEST = 100  # characters; more is no reason, and no answer is taken from who gives it (ours)
_CAMEL = Pattern(r"(?<=[a-z])(?=[A-Z])")
_WORD = Pattern(r"[a-z]+")
_LEADING = Pattern(r"(?i)\A(finish|stop)[ _-]?reason[ _-]?")
_KINDS = [(kind, Pattern(words)) for kind, words in _WORDS]


def kind_of(reason: str) -> str:
    """`stop`, `length`, `withheld` (there is no answer), `passing` (the next try may have one), `unfinished` (the model had
    more to say, or to do), or "" where a reason
    says nothing of it."""
    if len(reason) > LONGEST:
        return WITHHELD
    words = _WORD.findall(_CAMEL.sub(" ", _LEADING.sub("", reason.strip())).casefold())
    return next((kind for kind, known in _KINDS if any(map(known.match, words))), "")
