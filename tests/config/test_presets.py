"""Presets of responders: the prompt of each model to the letter and to the token, and what the file may change."""

import jinja2
import pytest
import yaml

from komep_dataset.config import presets as responders
from komep_dataset.config.config import load_config
from komep_dataset.config.presets import ENTRIES, Entry
from komep_dataset.errors import KomepError
from komep_dataset.prompts.english import INSTRUCTION
from komep_dataset.prompts.formats import FORMATS, cut_at_end
from komep_dataset.prompts.messages import responder_prompt
from komep_dataset.responses import request_for, respond
from komep_dataset.schema import Question
from tests.loopback import Loopback, last_text, loopback
from tests.responders import QUESTIONS, configured, rows_of, write_questions

pytest.importorskip("tokenizers", reason="comes with the extra [evaluation], [recipes] or [serve]")

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors

QUESTION = "What is gout?"
INTRO = "Below is an instruction that describes a task. Write a response that appropriately completes the request."
PLAIN = f"{INSTRUCTION}\nQUESTION: What is gout?\nANSWER:"
USER = f"{INSTRUCTION}\n\nWhat is gout?"
DOLLY = f"{INTRO}\n\n### Instruction:\n{INSTRUCTION}\n\nWhat is gout?\n\n### Response:\n"
MPT = f"{INTRO}\n### Instruction:\n{INSTRUCTION}\n\nWhat is gout?\n### Response:\n"
GOLDEN = {  # preset, protocol -> the text that is sent, or the messages as (role, text)
    ("dolly-v2-3b", "chat"): DOLLY,
    ("dolly-v2-3b", "dahl-hf"): PLAIN,
    ("mpt-7b-instruct", "chat"): MPT,
    ("mpt-7b-instruct", "dahl-hf"): PLAIN,
    ("mpt-7b", "dahl-hf"): PLAIN,
    ("gpt-4o", "chat"): [("user", USER)],
    ("gpt-4o", "dahl-gpt"): [("system", INSTRUCTION), ("user", QUESTION)],
    ("qwen2-7b-instruct", "chat"): [("user", USER)],
    ("qwen2-7b-instruct", "dahl-hf"): PLAIN,
    ("qwen2-7b-instruct", "dahl-gpt"): [("system", INSTRUCTION), ("user", QUESTION)],
    ("qwen2-7b", "dahl-hf"): PLAIN,
    ("llama-3-8b-instruct", "chat"): [("user", USER)],
    ("llama-3-8b-instruct", "dahl-hf"): PLAIN,
    ("llama-3-8b-instruct", "dahl-gpt"): [("system", INSTRUCTION), ("user", QUESTION)],
    ("llama-3-8b", "dahl-hf"): PLAIN,
}


def with_preset(folder, **keys):
    """The one responder of a file that has these keys and an endpoint."""
    path = folder / "pipeline.yaml"
    path.write_text(yaml.safe_dump({"responders": [{"endpoint": "http://127.0.0.1:9/v1"} | keys]}))
    return load_config(path).responders[0]


def body_of(responder) -> dict:
    return request_for(Question("0" * 16, QUESTION, "c", "en", "test"), responder)


def test_the_golden_prompts_cover_every_preset_and_protocol():
    assert set(GOLDEN) == {(name, p) for name, entry in ENTRIES.items() for p in entry.protocols}


@pytest.mark.parametrize(("preset", "protocol"), GOLDEN)
def test_each_model_is_sent_its_own_prompt_to_the_letter(tmp_path, preset, protocol):
    body = body_of(with_preset(tmp_path, preset=preset, protocol=protocol))
    if isinstance(GOLDEN[preset, protocol], str):
        assert body["prompt"] == GOLDEN[preset, protocol] and "messages" not in body
    else:
        assert [(m["role"], m["content"]) for m in body["messages"]] == GOLDEN[preset, protocol]
        assert "prompt" not in body


def test_a_model_without_a_chat_template_is_asked_for_a_completion_and_the_others_for_a_chat(tmp_path):
    with loopback() as (state, url):
        presets = ("dolly-v2-3b", "mpt-7b-instruct", "gpt-4o", "qwen2-7b-instruct", "llama-3-8b-instruct")
        config = configured(tmp_path, url, *({"preset": name} for name in presets))
        questions = write_questions(tmp_path, QUESTIONS[:1])
        for name in presets:
            respond(questions, config, name, tmp_path / f"{name}.parquet")
    assert [path.removeprefix("/v1") for path in state.paths] == ["/completions"] * 2 + [
        "/chat/completions"
    ] * 3
    dolly, mpt, gpt, *_ = state.calls
    assert dolly["stop"] == ["### End", "<|endoftext|>"] and dolly["skip_special_tokens"] is False
    assert mpt["stop"] == ["<|endoftext|>"] and "skip_special_tokens" not in mpt
    assert "stop" not in gpt and "max_tokens" not in gpt
    sampling = [(c["model"], c["temperature"], c["top_p"], c.get("max_tokens")) for c in state.calls]
    assert sampling == [
        ("databricks/dolly-v2-3b", 0.6, 0.9, 256),
        ("mosaicml/mpt-7b-instruct", 0.6, 0.9, 256),
        ("gpt-4o", 0.6, 1.0, None),
        ("Qwen/Qwen2-7B-Instruct", 0.6, 0.9, 256),
        ("meta-llama/Meta-Llama-3-8B-Instruct", 0.6, 0.9, 256),
    ]
    assert rows_of(tmp_path / "dolly-v2-3b.parquet")[QUESTION]["prompt_protocol"] == "chat/dolly"
    assert rows_of(tmp_path / "gpt-4o.parquet")[QUESTION]["prompt_protocol"] == "chat"


def test_what_the_file_says_wins_over_the_preset(tmp_path):
    responder = with_preset(
        tmp_path, preset="gpt-4o", name="mine", model="gpt-4o-2024-08-06", temperature=0, max_new_tokens=9
    )
    assert (responder.name, responder.model, responder.temperature) == ("mine", "gpt-4o-2024-08-06", 0)
    assert (responder.top_p, responder.max_new_tokens) == (1.0, 9)
    assert with_preset(tmp_path, preset="dolly-v2-3b", max_new_tokens=None).max_new_tokens is None
    assert with_preset(tmp_path, preset="dolly-v2-3b", protocol="dahl-hf").format is None
    assert with_preset(tmp_path, name="a", model="mine", format="dolly").format == "dolly"
    served = with_preset(tmp_path, preset="dolly-v2-3b", endpoint=None, server="transformers")
    assert "skip_special_tokens" not in body_of(served)  # `transformers serve` refuses unknown keys


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (
            {"preset": "dolly-v2"},
            r"responders\[0\]\.preset: no preset 'dolly-v2'; did you mean 'dolly-v2-3b'\?",
        ),
        ({"preset": "Llama-3-8B-Instruct"}, "did you mean 'llama-3-8b-instruct'"),
        ({"preset": 3}, r"responders\[0\]\.preset: expected the name of a preset, got 3"),
        ({"preset": "gpt-4o", "protocol": "dahl-hf"}, "gpt-4o is asked by chat or dahl-gpt, not dahl-hf"),
        ({"preset": "mpt-7b", "protocol": "chat"}, "mpt-7b is asked by dahl-hf, not chat"),
        ({"preset": "gpt-4o", "protocol": "dahl-gtp"}, "did you mean 'dahl-gpt'"),
        ({"name": "a", "model": "m", "format": "doly"}, "did you mean 'dolly'"),
        ({"name": "a", "model": "m", "format": "mpt", "protocol": "dahl-hf"}, "goes with the protocol chat"),
    ],
)
def test_a_preset_that_cannot_be_is_named(tmp_path, keys, said):
    with pytest.raises(KomepError, match=said):
        with_preset(tmp_path, **keys)


def test_a_sixth_model_is_one_entry(tmp_path, monkeypatch):
    monkeypatch.setitem(responders.ENTRIES, "gemma-2-9b-it", Entry("google/gemma-2-9b-it"))
    responder = with_preset(tmp_path, preset="gemma-2-9b-it")
    assert (responder.name, responder.model) == ("gemma-2-9b-it", "google/gemma-2-9b-it")
    assert body_of(responder)["messages"] == [{"role": "user", "content": USER}]


@pytest.mark.parametrize(
    ("text", "kept", "finish"),
    [
        ("Gout is arthritis.\n\n### End", "Gout is arthritis.\n\n", "stop"),
        ("Gout.### End\n\n### Instruction:\nand on it goes", "Gout.", "stop"),
        ("No marker", "No marker", "length"),
    ],
)
def test_an_answer_ends_where_its_format_says(tmp_path, text, kept, finish):
    state = Loopback(lambda _: text)
    state.finish_reason = "length"
    with loopback(state) as (_, url):
        config = configured(tmp_path, url, {"preset": "dolly-v2-3b"})
        done = respond(
            write_questions(tmp_path, QUESTIONS[:1]), config, "dolly-v2-3b", tmp_path / "r.parquet"
        )
    row = rows_of(done.path)[QUESTION]
    assert (row["response"], row["finish_reason"]) == (kept, finish)
    assert cut_at_end("any ### End", None) == "any ### End"


# What the servers do with the messages: the models' published chat templates, written down here in short.
TEMPLATES = {
    "qwen2": (
        "{% for m in messages %}{% if loop.first and m.role != 'system' %}"
        "{{ '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' }}{% endif %}"
        "{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}"
        "{{ '<|im_start|>assistant\n' }}"
    ),
    "llama-3": (
        "{{ bos }}{% for m in messages %}"
        "{{ '<|start_header_id|>' + m.role + '<|end_header_id|>\n\n' + m.content | trim + '<|eot_id|>' }}"
        "{% endfor %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}"
    ),
}
BOS = {"qwen2": "<|endoftext|>", "llama-3": "<|begin_of_text|>", "neox": "<|endoftext|>"}
SPECIAL = {
    "qwen2": ["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
    "llama-3": ["<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"],
    "neox": ["<|endoftext|>", "### End", "### Instruction:", "### Response:\n"],  # Dolly's additions
}


def tokenizer(family: str) -> Tokenizer:
    """A byte tokenizer with a family's special tokens; like the real one, Llama's alone puts a BOS in front."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE(vocab={c: i for i, c in enumerate(alphabet)}, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens([AddedToken(token, normalized=False) for token in SPECIAL[family]])
    if family == "llama-3":
        bos = BOS[family]
        made.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", special_tokens=[(bos, made.token_to_id(bos))]
        )
    return made


def special_tokens(family: str, text: str, add: bool = True) -> list[str]:
    """The special tokens of a text, in order."""
    tokens = tokenizer(family).encode(text, add_special_tokens=add).tokens
    return [token for token in tokens if token in SPECIAL[family]]


@pytest.mark.parametrize("family", ["qwen2", "llama-3"])
def test_a_chat_prompt_holds_each_marker_once_and_at_most_one_bos(family):
    messages = responder_prompt(QUESTION, "chat")["messages"]
    text = jinja2.Template(TEMPLATES[family]).render(messages=messages, bos=BOS[family])
    if family == "qwen2":
        head = "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
        assert text == f"{head}<|im_start|>user\n{USER}<|im_end|>\n<|im_start|>assistant\n"
        expected = ["<|im_start|>", "<|im_end|>"] * 2 + ["<|im_start|>"]
    else:
        user, assistant = (f"<|start_header_id|>{r}<|end_header_id|>\n\n" for r in ("user", "assistant"))
        assert text == f"<|begin_of_text|>{user}{USER}<|eot_id|>{assistant}"
        header = ["<|start_header_id|>", "<|end_header_id|>"]
        expected = ["<|begin_of_text|>", *header, "<|eot_id|>", *header]
    # A rendered template is tokenised without additions, as vLLM, SGLang and transformers do.
    assert special_tokens(family, text, add=False) == expected
    assert special_tokens(family, text, add=False).count(BOS[family]) == (family == "llama-3")


@pytest.mark.parametrize("family", ["qwen2", "llama-3", "neox"])
def test_a_plain_prompt_has_the_bos_of_its_tokenizer_and_no_other(family):
    expected = ["<|begin_of_text|>"] if family == "llama-3" else []
    assert special_tokens(family, PLAIN) == expected


def test_dollys_keys_are_its_own_tokens_and_the_last_one_opens_the_answer():
    assert special_tokens("neox", DOLLY) == ["### Instruction:", "### Response:\n"]
    assert tokenizer("neox").encode(DOLLY).tokens[-1] == "### Response:\n"
    assert tokenizer("neox").decode(tokenizer("neox").encode(DOLLY).ids, skip_special_tokens=False) == DOLLY


def test_no_prompt_of_ours_holds_a_bos():
    texts = [layout.template for layout in FORMATS.values()]
    texts += [last_text(responder_prompt(QUESTION, p)) for p in ("chat", "dahl-hf", "dahl-gpt")]
    assert not [t for t in texts for bos in (*BOS.values(), "<s>") if bos in t]


def test_braces_and_markers_of_a_question_reach_the_model_as_they_are():
    question = 'What is {instruction}? ### Response:\n"{}"'
    prompt = responder_prompt(question, "chat", "dolly")["prompt"]
    assert prompt == DOLLY.replace(QUESTION, question)
