"""A tiny tokenizer, a tiny random Llama and stand-in questions, all made here: no hub, no exam items."""

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))  # `evaluation` runs from a clone and is not installed

DRUGS = (
    "헤파린",
    "인슐린",
    "와파린",
    "아스피린",
    "푸로세미드",
    "디곡신",
    "모르핀",
    "날록손",
    "아트로핀",
    "도파민",
)


def stand_in(number: int, subject: str = "doctor") -> dict:
    """One row in the shape of KorMedMCQA; the text is nonsense and differs from number to number."""
    options = [DRUGS[(number + step) % len(DRUGS)] + f" {number} mg" for step in range(5)]
    text = f"문항 {number}. {subject} 환자에게 {'먼저 ' * (number % 4)}투여할 약물로 옳은 것은?"
    head = {"subject": subject, "year": 0, "period": 0, "q_number": number, "question": text}
    return {**head, **dict(zip("ABCDE", options, strict=True)), "answer": number % 5 + 1, "cot": ""}


def write_jsonl(path: Path, rows: list) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def one_thread(request):
    """Tiny models run on one thread: two that wait for each other on a busy machine are many times slower."""
    if request.node.get_closest_marker("slow"):
        yield
        return
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture()
def question_folder(tmp_path) -> Path:
    """SUBJECT/{fewshot,test}.jsonl for two subjects: five examples and six questions each."""
    for start, subject in ((0, "doctor"), (100, "nurse")):
        rows = [stand_in(start + n, subject) for n in range(11)]
        write_jsonl(tmp_path / "data" / subject / "fewshot.jsonl", rows[:5])
        write_jsonl(tmp_path / "data" / subject / "test.jsonl", rows[5:])
    return tmp_path / "data"


def tiny_tokenizer(*, bos: bool):
    """A byte-level BPE tokenizer of 400 tokens; with `bos`, it puts <s> before every text, as Llama's does."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<pad>", "<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([json.dumps(stand_in(n), ensure_ascii=False) for n in range(50)], trainer)
    if bos:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)]
        )
    names = {"bos_token": "<s>"} if bos else {}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="</s>", pad_token="<pad>", **names)


def tiny_llama(vocab_size: int = 400, window: int = 4096):
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=vocab_size,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=window,
        initializer_range=0.3,  # wide enough that the greedy token depends on the prompt
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    return LlamaForCausalLM(config).eval()


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory) -> Path:
    """Folder of a tiny random Llama whose tokenizer puts a BOS."""
    folder = tmp_path_factory.mktemp("tiny") / "llama"
    tiny_llama().save_pretrained(folder)
    tiny_tokenizer(bos=True).save_pretrained(folder)
    return folder


@pytest.fixture()
def rows_of():
    """`stand_in` for test files, which cannot import a conftest."""
    return lambda count, subject="doctor", start=0: [stand_in(start + n, subject) for n in range(count)]


@pytest.fixture()
def jsonl():
    return write_jsonl


@pytest.fixture()
def make_tokenizer():
    return tiny_tokenizer


@pytest.fixture()
def make_llama():
    return tiny_llama


@pytest.fixture()
def from_the_root(monkeypatch):
    """The paths of experiment files start at the root of the clone."""
    monkeypatch.chdir(ROOT)


@pytest.fixture()
def lettered_model(tmp_path) -> Path:
    """A tiny model whose tokenizer has a token for " A" to " E", as those of real models have."""
    tokenizer = tiny_tokenizer(bos=True)
    tokenizer.add_tokens([f" {letter}" for letter in "ABCDE"])
    tokenizer.save_pretrained(tmp_path / "lettered")
    tiny_llama(vocab_size=len(tokenizer)).save_pretrained(tmp_path / "lettered")
    return tmp_path / "lettered"


@pytest.fixture(scope="module")
def evaluated(tiny_model, tmp_path_factory):
    """(arguments without the output, folder of a finished evaluation)."""
    from tests.evaluation.runs import run

    folder = tmp_path_factory.mktemp("evaluated")
    given = ["--model", str(tiny_model), "--benchmark", "kormedmcqa-sample", "--limit", "1", "--shots", "0"]
    given += ["--max-new-tokens", "2"]
    assert run(*given, "--output", str(folder / "out")) == 0
    return given, folder / "out"


@pytest.fixture()
def folders(tmp_path) -> list[str]:
    """Two evaluations on disk: base reads nothing of two replies, tuned reads all and wins one more."""
    from evaluation.harness.output import write_evaluation
    from tests.evaluation.statistics.made import evaluation

    subjects = ["doctor"] * 5 + ["nurse"] * 5
    rows = {
        "base": ["", "A", "B", "A", "C", "A", "", "D", "A", "A"],
        "tuned": ["A", "A", "A", "A", "C", "A", "B", "D", "A", "A"],
    }
    for name, letters in rows.items():
        e = evaluation(letters, subjects, name)
        (tmp_path / name).mkdir()
        write_evaluation(tmp_path / name, e.predictions, e.results)
    return [str(tmp_path / name) for name in rows]
