"""`python -m evaluation.run` on a tiny random model: its two files, its determinism, and what it refuses."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from evaluation.harness.output import read_evaluation
from evaluation.harness.questions import from_folders
from evaluation.kormedmcqa.scoring import score
from evaluation.run import main
from komep_dataset.errors import KomepError
from tests.evaluation.conftest import write_jsonl

ROOT = Path(__file__).resolve().parents[2]
SHARES = ["accuracy", "accuracy_robust", "exact_match_raw", "parse_rate", "parse_rate_robust"]
KEYS = ["benchmark", "model", "shots", "n", *SHARES, "interval", "subjects", "seconds", "versions", "config"]


@pytest.fixture()
def run(tiny_model, question_folder, tmp_path, capsys):
    """Run the command with defaults for a tiny model; gives (exit code, standard error, output folder)."""

    def call(*arguments: str, output: str = "out", model: str = str(tiny_model)):
        folder = tmp_path / output
        defaults = [
            "--model",
            model,
            "--benchmark",
            "kormedmcqa",
            "--output",
            str(folder),
            "--max-new-tokens",
            "6",
        ]
        data = (
            []
            if "--data" in arguments or "kormedmcqa-sample" in arguments
            else ["--data", str(question_folder)]
        )
        with pytest.raises(SystemExit) as done:
            main([*defaults, *data, *arguments])
        return done.value.code, capsys.readouterr().err, folder

    return call


def test_output_files(run, question_folder, tiny_model):
    code, error, folder = run()
    assert (code, error) == (0, "")
    assert sorted(p.name for p in folder.iterdir()) == ["predictions.jsonl", "results.json"]
    lines = [
        json.loads(line) for line in (folder / "predictions.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    subjects = from_folders(question_folder)
    expected = [(s.name, i, q.answer) for s in subjects for i, q in enumerate(s.test)]
    assert [list(line) for line in lines] == [
        ["subject", "index", "answer", "generation", "paper", "robust", "question_sha256"]
    ] * 12
    assert [line["question_sha256"] for line in lines] == [q.sha256 for s in subjects for q in s.test]
    assert [(line["subject"], line["index"], line["answer"]) for line in lines] == expected
    assert len({line["generation"] for line in lines}) > 1

    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    assert set(KEYS) <= set(results) and [key for key in results if key in KEYS] == KEYS
    scores = score(
        [line["generation"] for line in lines],
        [line["answer"] for line in lines],
        [line["subject"] for line in lines],
        [q.options for s in subjects for q in s.test],
    )
    assert {k: results[k] for k in scores} == json.loads(json.dumps(scores))
    assert (results["benchmark"], results["model"], results["shots"]) == ("kormedmcqa", str(tiny_model), 5)
    assert results["seconds"] > 0 and set(results["versions"]) >= {"komep", "python", "torch", "transformers"}
    config = results["config"]
    assert config["max_new_tokens"] == 6 and config["dtype"] == "float32" and config["bos"] is True
    assert config["prompts_with_fewer_shots"] == 0 and config["prefix_cache"] is True
    assert config["stops"] == ["Q:", "</s>", "<|im_end|>", ".", "\n\n"]
    assert read_evaluation(folder).results == results
    assert results["letters"]["answer"] == {"A": 4, "B": 2, "C": 2, "D": 2, "E": 2}
    assert list(results["by_subject"]) == ["doctor", "nurse"]
    assert config["fewshot_splits"] == ["fewshot"]


def test_texts_on_demand(run, question_folder):
    code, _, folder = run("--texts", "--limit", "1", "--max-new-tokens", "1")
    assert code == 0
    lines = [json.loads(line) for line in (folder / "predictions.jsonl").read_text("utf-8").splitlines()]
    questions = [s.test[0] for s in from_folders(question_folder)]
    assert [(line["question"], tuple(line["options"])) for line in lines] == [
        (q.question, q.options) for q in questions
    ]
    assert "texts" not in read_evaluation(folder).results["config"]


def test_a_plan_loads_no_model_and_writes_nothing(run, capsys, question_folder, tmp_path):
    with pytest.raises(SystemExit) as done:
        main(["--model", "none", "--benchmark", "kormedmcqa", "--output", str(tmp_path / "out"), "--plan",
              "--data", str(question_folder)])  # fmt: skip
    out = capsys.readouterr().out
    assert done.value.code == 0 and not (tmp_path / "out").exists()
    assert "not run" in out and "Smallest difference between two models that 12 questions show" in out
    assert "By chance: always A is right in 33.3%, a guess in 20.0%." in out
    (tmp_path / "models" / "smollm2-135m").mkdir(parents=True)
    lost = str(tmp_path / "models" / "smollm2-135")
    with pytest.raises(SystemExit) as done:
        main(
            [
                "--model",
                lost,
                "--benchmark",
                "kormedmcqa",
                "--output",
                "x",
                "--plan",
                "--data",
                str(question_folder),
            ]
        )
    assert (
        done.value.code == 0
        and f"note: --model {lost}: no such folder; the nearest is {lost}m" in capsys.readouterr().err
    )
    code, error, _ = run("--plan", "--shots", "6")
    assert code == 1 and "5 examples in the split `fewshot`" in error


def test_examples_that_are_questions_of_the_test_are_told(run, capsys, question_folder):
    """Worked examples of a split of their own, one of which is a question of the test in other blanks and signs."""
    doctor = question_folder / "doctor"
    rows = [json.loads(line) for line in (doctor / "fewshot.jsonl").read_text("utf-8").splitlines()]
    tests = [json.loads(line) for line in (doctor / "test.jsonl").read_text("utf-8").splitlines()]
    asked = (
        "콩팥에서 만드는 호르몬은?",
        "",
        "무릎뼈가 속하는 뼈의 갈래는?",
        "겨울에 흔한 독감의 병원체는?",
        "젖니가 빠지는 차례로 옳은 것은?",
    )
    for row, question in zip(rows, asked, strict=True):
        row["question"] = question
    tests[2]["question"] = "간호사가 환자의 이름을 확인하는 방법으로 옳은 것은?"
    tests[4]["question"] = "당뇨병 환자의 발에 난 상처를 돌보는 방법은?"
    write_jsonl(doctor / "test.jsonl", tests)
    rows[1] = {**tests[4], "question": tests[4]["question"].replace(" ", "  ").replace("?", " ?")}
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in [*rows, tests[2]])
    (doctor / "valid.jsonl").write_text(text, encoding="utf-8")
    (doctor / "fewshot.jsonl").unlink()
    with pytest.raises(SystemExit):
        main(["--model", "none", "--benchmark", "kormedmcqa", "--output", "none", "--plan",
              "--data", str(question_folder), "--subjects", "doctor"])  # fmt: skip
    out = " ".join(capsys.readouterr().out.split())
    assert "Worked examples are the first 5 rows of valid." in out
    assert (
        "warning: 2 rows of valid repeat a question of the test or ask nearly the same, 1 of them worked examples"
        in out
    )
    code, _, folder = run("--subjects", "doctor", "--max-new-tokens", "1")
    found = read_evaluation(folder).results["config"]["fewshot_near_duplicates"]
    assert code == 0 and [(one["row"], one["test_row"], one["shown"]) for one in found] == [
        (1, 4, True),
        (5, 2, False),
    ]


def test_batches_and_the_cached_prefix_change_nothing(run):
    _, _, first = run()
    for number, arguments in enumerate((["--batch-size", "1"], ["--batch-size", "5", "--no-prefix-cache"])):
        code, _, again = run(*arguments, output=f"again{number}")
        assert code == 0
        assert (again / "predictions.jsonl").read_bytes() == (first / "predictions.jsonl").read_bytes()


def test_limit_subjects_and_shots(run):
    code, _, folder = run("--limit", "2", "--subjects", "nurse", "--shots", "1")
    evaluation = read_evaluation(folder)
    assert code == 0 and evaluation.results["shots"] == 1
    assert [(p.subject, p.index) for p in evaluation.predictions] == [("nurse", 0), ("nurse", 1)]
    assert list(evaluation.results["subjects"]) == ["nurse"]


def test_the_shipped_sample_runs(run):
    code, _, folder = run(
        "--benchmark", "kormedmcqa-sample", "--limit", "1", "--shots", "0", "--max-new-tokens", "2"
    )
    assert code == 0
    assert [p.subject for p in read_evaluation(folder).predictions] == ["doctor", "nurse", "pharm", "dentist"]


def test_chat_template(run, tmp_path, tiny_model):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    tokenizer.chat_template = (
        "{{ bos_token }}{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% endfor %}"
    )
    tokenizer.save_pretrained(tmp_path / "chat")
    AutoModelForCausalLM.from_pretrained(tiny_model).save_pretrained(tmp_path / "chat")
    code, _, chat = run("--chat-template", model=str(tmp_path / "chat"))
    assert code == 0 and read_evaluation(chat).results["config"]["chat_template"] is True
    _, _, plain = run(model=str(tmp_path / "chat"), output="plain")
    assert read_evaluation(chat).predictions != read_evaluation(plain).predictions


def test_a_short_window_drops_examples_and_counts_them(run, tmp_path, make_llama, make_tokenizer):
    make_llama(window=300).save_pretrained(tmp_path / "short")
    make_tokenizer(bos=True).save_pretrained(tmp_path / "short")
    code, _, folder = run(model=str(tmp_path / "short"))
    assert code == 0
    config = read_evaluation(folder).results["config"]
    assert config["prompts_with_fewer_shots"] == 12 == sum(config["prompts_by_shots"].values())
    assert "5" not in config["prompts_by_shots"]
    _, _, fresh = run("--no-prefix-cache", "--batch-size", "1", model=str(tmp_path / "short"), output="fresh")
    assert (fresh / "predictions.jsonl").read_bytes() == (folder / "predictions.jsonl").read_bytes()
    code, error, _ = run("--max-new-tokens", "280", model=str(tmp_path / "short"))
    assert code == 1 and "lower --max-new-tokens" in error


def test_duplicates_are_refused_unless_allowed(run, question_folder):
    test = question_folder / "nurse" / "test.jsonl"
    lines = test.read_text(encoding="utf-8").splitlines(keepends=True)
    test.write_text("".join([*lines, lines[0]]), encoding="utf-8")
    code, error, _ = run()
    assert code == 1 and "nurse: row 6 of `test` repeats row 0" in error
    code, _, folder = run("--allow-duplicates")
    assert code == 0 and read_evaluation(folder).results["config"]["duplicate_questions"] == 1


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--shots", "6"], 1, "doctor: 5 examples in the split `fewshot`, but --shots is 6"),
        (["--subjects", "vet"], 1, "--subjects vet: not in the data, which have doctor, nurse"),
        (["--data", "/no/such/data"], 1, "--data /no/such/data: no such file or folder"),
        (
            ["--model", "/no/such/model"],
            1,
            "--model /no/such/model: no such folder",
        ),
        (
            ["--model", "no-org/no-model"],
            1,
            "--model no-org/no-model: neither a model folder nor an id on the Hub",
        ),
        (["--chat-template"], 1, "has no chat template"),
        (
            ["--output", "/dev/null/x"],
            1,
            "--output /dev/null/x: cannot be written (/dev/null: it is a file, no folder)",
        ),
        (["--benchmark", "mmlu"], 2, "'mmlu' is not one of kormedmcqa, kormedmcqa-sample"),
        (["--backend", "tgi"], 2, "'tgi' is not one of transformers, vllm, openai"),
        (["--backend", "openai"], 2, "--backend openai needs --endpoint"),
        (["--backend", "openai", "--endpoint", "nowhere"], 2, "--endpoint: "),
        (["--endpoint", "http://127.0.0.1/v1"], 2, "only --backend openai asks an endpoint"),
        (["--prompt", "essay"], 2, "'essay' is not one of direct, cot"),
        (["--scoring", "vote"], 2, "'vote' is not one of generate, logits"),
        (["--prompt", "cot"], 1, "row 0 of `fewshot` has no solution in its column `cot`"),
        (["--dtype", "int8"], 2, "'int8' is not one of auto"),
        (["--limit", "0"], 2, "--limit"),
        (["--shots", "-1"], 2, "--shots"),
        (["--batch-size", "0"], 2, "--batch-size"),
        (["--subjects", ","], 2, "--subjects"),
        (["--no-such-flag"], 2, "--no-such-flag"),
    ],
)
def test_refusals(run, arguments, code, message):
    found, error, folder = run(*arguments)
    assert found == code and message in error and "Traceback" not in error
    assert not folder.exists()  # nothing stays behind a refusal
    assert not (folder / "results.json").exists()


def test_bad_rows_are_an_error_without_traceback(run, question_folder):
    path = question_folder / "doctor" / "test.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    rows[2]["answer"] = 7
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    code, error, _ = run()
    assert code == 1 and f"{path}:3: answer is 7" in error


def test_help_is_fast_because_heavy_imports_wait():
    heavy = [
        "torch",
        "transformers",
        "datasets",
        "evaluate",
        "scipy",
        "pyarrow",
        "evaluation.kormedmcqa.robust",
    ]
    for module in ("evaluation.run", "evaluation.compare"):
        script = f"import sys, {module}; print([m for m in {heavy} if m in sys.modules])"
        done = subprocess.run(
            [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=300
        )
        assert done.stdout.strip() == "[]", done.stderr
        done = subprocess.run([sys.executable, "-m", module, "--help"], cwd=ROOT, capture_output=True, text=True, timeout=300)  # fmt: skip
        assert done.returncode == 0 and "Usage: python -m evaluation." in done.stdout


def test_a_folder_that_is_not_there_is_told_before_torch_is_imported():
    words = ["--model", "/no/such/model", "--benchmark", "kormedmcqa-sample", "--limit", "1", "-o", "out"]
    script = (
        "import atexit, sys; from evaluation.run import main; "
        f"atexit.register(lambda: print('torch' in sys.modules)); main({words})"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.stderr == "error: --model /no/such/model: no such folder\n" and done.returncode == 1
    assert done.stdout == "False\n"


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("results.json", lambda text: text[:-10], "results.json: not JSON"),
        ("results.json", lambda text: "[]", "benchmark, model, shots, n, config missing"),
        ("results.json", lambda text: text.replace('"config": {', '"config": 1, "x": {'), "config missing or of a wrong type"),
        ("predictions.jsonl", lambda text: text.replace('"A"', '"B"', 1), "are of different runs"),
        ("predictions.jsonl", None, "predictions.jsonl: cannot be read"),
        ("results.json", None, "results.json: cannot be read"),
    ],
)  # fmt: skip
def test_broken_output_is_refused(run, file, change, message):
    _, _, folder = run("--limit", "3")
    path = folder / file
    if change:
        path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        path.unlink()
    with pytest.raises(KomepError) as error:
        read_evaluation(folder)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--publish", "org/model", "--limit", "1"], "a part of a benchmark is not published"),
        (["--publish", "a/b/c"], "Repo id must be in the form"),
        (["--publish", "org/model", "--benchmark", "kormedmcqa-sample"], "is a sample"),
    ],
)
def test_what_cannot_be_published_is_refused_before_the_model_is_loaded(run, arguments, message):
    code, error, folder = run(*arguments, model="/nowhere")
    assert code == 2 and message in error and "--publish" in error and "nowhere" not in error
    assert not folder.exists()


@pytest.mark.parametrize(
    ("changed", "message"),
    [({"paper": "zz"}, "paper is 'zz', not a letter"), ({"logprobs": 5}, "logprobs is 5, not a list")],
)
def test_predictions_that_were_edited_are_named(run, changed, message):
    _, _, folder = run()
    results = json.loads((folder / "results.json").read_text("utf-8"))
    del results["config"]["predictions_sha256"]
    (folder / "results.json").write_text(json.dumps(results))
    path = folder / "predictions.jsonl"
    first, rest = path.read_text("utf-8").split("\n", 1)
    path.write_text(json.dumps(json.loads(first) | changed, ensure_ascii=False) + "\n" + rest, "utf-8")
    with pytest.raises(KomepError, match=f"predictions.jsonl:1: {message}"):
        read_evaluation(folder)
