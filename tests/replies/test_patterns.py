"""Expressions that are compiled when they are first used."""

import copy
import json
import re
import subprocess
import sys
from importlib.resources import files

import pytest

from komep_dataset.replies import nonanswers, refusals
from komep_dataset.replies.patterns import Pattern

SAID = (
    "I'm sorry, but I can't give medical advice. No comment; However, we won't discuss that: it's beyond our scope",
    "As an AI, I must decline — and I don't know, yet you should see a doctor. Cannot be displayed, can't help",
    "죄송하지만 답변을 드릴 수 없습니다. 하지만 진료를 권합니다만, 저는 AI로서, 모르기 때문에 거절하며, 말할 수 없다만 알려",
    "Lo siento, no puedo ayudar. Je suis désolé, m'est impossible. Ich kann das nicht. 我无法回答。申し訳ありません。 ik kan dat niet",
    "لا أستطيع الإجابة, я не могу, tôi không thể, não posso, 根据相关法律不予显示, お答えできません, Извините",
)


def test_nothing_is_compiled_before_the_first_use(monkeypatch):
    seen = []
    monkeypatch.setattr(re, "compile", lambda *args, real=re.compile: seen.append(args) or real(*args))
    pattern = Pattern("(?P<word>gout)", re.IGNORECASE)
    assert (pattern.pattern, pattern.flags, seen) == ("(?P<word>gout)", re.IGNORECASE, [])
    assert pattern.search("Gout")["word"] == "Gout" and not pattern.fullmatch("Gouty")
    assert pattern.sub("x", "GOUT.") == "x." and (pattern.groups, len(seen)) == (1, 1)


def test_it_is_no_other_thing():
    pattern = Pattern("a")
    with pytest.raises(AttributeError, match="scan"):
        pattern.scan("a")
    assert copy.copy(pattern).findall("banana") == ["a"] * 3


def test_where_a_match_can_begin_changes_none():
    """Of every expression that says so, on the sample's answers and on sentences of refusals, cut at any place."""
    path = files("komep_dataset.samples") / "scored_generations.jsonl"
    answers = [json.loads(line)["response"] for line in path.read_text("utf-8").splitlines()]
    texts = [*answers[::10], *SAID, *(text[i:] for text in SAID for i in range(0, len(text), 3))]
    for pattern in (one for module in (refusals, nonanswers) for one in vars(module).values()):
        if isinstance(pattern, Pattern) and pattern.at:
            free = re.compile(pattern.pattern, pattern.flags)
            for text in texts:
                assert [m.span() for m in pattern.finditer(text)] == [m.span() for m in free.finditer(text)]


def test_importing_a_stage_compiles_next_to_nothing():
    """Half of what a command took until it began were expressions that it did not use: 420 of them, a third of a second."""
    code = (
        "import re, sys; ours = set(); real = re.compile\n"
        "def compiled(pattern, flags=0):\n"
        "    file = sys._getframe(1).f_code.co_filename\n"
        "    if 'komep_dataset' in file: ours.add((file, pattern))\n"
        "    return real(pattern, flags)\n"
        "re.compile = compiled\n"
        "import komep_dataset.pipeline.run, komep_dataset.release.build; print(len(ours), *sorted(map(str, ours)), sep='\\n')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split("\n", 1)[0]) < 60, done.stdout
