"""Whole runs of models that think: real chat templates, a tiny model that writes what it is told, real backends."""

import types

import pytest

from evaluation.benchmarks.kormedmcqa import BENCHMARK
from evaluation.harness.backend import BUDGET, HIDDEN, LIMIT, Answer, Stops, past_budget
from evaluation.harness.output import read_evaluation
from evaluation.harness.questions import Question, Subject
from evaluation.runner import read_answers
from evaluation.statistics.comparison import compare
from evaluation.statistics.tables import as_markdown
from tests.evaluation.runs import command, run
from tests.evaluation.scripted import THOUGHT, thinker

FULL = f"<think>{''.join(THOUGHT)}</think>\n\n정답: C"


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Folders of `thinker` by the name of their template."""
    from tests.evaluation.conftest import tiny_tokenizer

    folder = tmp_path_factory.mktemp("thinkers")
    return {
        name: thinker(folder / name, tiny_tokenizer(bos=False), name)
        for name in ("qwen3", "deepseek_r1_distill")
    }


@pytest.fixture()
def evaluated(models, question_folder, tmp_path):
    """A function that evaluates a model on four questions: its results and its distinct replies."""

    def evaluate(name: str, *more: str, tokens: str = "30", output: str = "out"):
        given = command(
            models[name],
            question_folder,
            tmp_path / output,
            "--shots",
            "0",
            "--chat-template",
            "--limit",
            "2",
            *more,
        )
        given[given.index("6")] = tokens
        assert run(*given) == 0
        done = read_evaluation(tmp_path / output)
        return done.results, {(p.generation, p.paper, p.robust) for p in done.predictions}

    return evaluate


def test_stops_and_letters_lie_behind_the_thought(evaluated):
    results, replies = evaluated("qwen3")
    assert replies == {(FULL, "C", "C")}
    assert results["parse_rate"] == results["parse_rate_robust"] == 1
    assert results["cut_limit"] == results["cut_thinking"] == 0
    assert (results["config"]["enable_thinking"], results["config"]["thoughts"]) == (None, "apart")


def test_a_thought_that_the_prompt_opens_is_one(evaluated):
    results, replies = evaluated("deepseek_r1_distill")
    assert replies == {(FULL.removeprefix("<think>"), "C", "C")} and results["cut_thinking"] == 0


def test_a_model_of_our_own_recipe_is_read_under_its_template(question_folder, tmp_path, make_tokenizer):
    """Qwen3's template trains it to write an empty block of thoughts before each answer."""
    model = thinker(tmp_path / "tuned", make_tokenizer(bos=False), thought=("\n\n\n",))
    assert run(*command(model, question_folder, tmp_path / "out", "--shots", "0", "--chat-template")) == 0
    done = read_evaluation(tmp_path / "out")
    assert {p.generation for p in done.predictions} == {"<think>\n\n\n</think>\n\n정답: C"}
    assert done.results["parse_rate"] == 1 and {p.paper for p in done.predictions} == {"C"}


def test_a_mark_that_nobody_knows_can_be_named(
    models, evaluated, question_folder, tmp_path, make_tokenizer, capsys
):
    from tests.evaluation.scripted import ANSWER, scripted_model, template

    words = (*THOUGHT, "<생각 끝>", "\n\n", *ANSWER)
    models["unknown"] = scripted_model(
        tmp_path / "m", make_tokenizer(bos=False), words, template("qwen3_instruct_2507"), "\n"
    )
    results, replies = evaluated("unknown", "--think-end-token", "<생각 끝>")
    assert {(paper, robust) for _, paper, robust in replies} == {("C", "C")} and results["cut_thinking"] == 0
    given = command(models["unknown"], question_folder, tmp_path / "x", "--think-end-token", "<생각 끝>")
    assert run(*given, "--thoughts", "harness") == 2
    _, replies = evaluated("unknown", output="unnamed")
    assert replies == {("정답: A 일까", "A", "A")}


def test_thinking_is_turned_off_by_the_template(evaluated):
    _, replies = evaluated("qwen3", "--no-thinking")
    assert replies == {("정답: C", "C", "C")}
    results, replies = evaluated("qwen3", "--enable-thinking", output="on")
    assert replies == {(FULL, "C", "C")} and results["config"]["enable_thinking"] is True


@pytest.mark.parametrize("name", ["qwen3", "deepseek_r1_distill"])
def test_thoughts_that_the_limit_cut_are_no_result(models, question_folder, tmp_path, capsys, name):
    given = command(models[name], question_folder, tmp_path / "cut", "--shots", "0", "--chat-template")
    given[given.index("6")] = "4"
    assert run(*given, "--limit", "2") == 1
    assert (
        "the limit goes to thoughts" in (error := capsys.readouterr().err) and "--max-new-tokens (4)" in error
    )


def test_replies_that_were_cut_are_counted_apart_from_unreadable_ones():
    question = Question("?", ("가", "나", "다", "라", "마"), "B")
    said = (
        Answer("<think>정답: B", cut=LIMIT),
        Answer("정답: B이지만 이것은", cut=LIMIT),
        Answer("<think>A</think>C"),
        Answer("잘 모르겠다"),
        Answer("", failure=f"{HIDDEN}: the limit of 6 tokens"),
    )
    _, scores, unread = read_answers(
        BENCHMARK, [Subject("doctor", (), (question,) * len(said))], [said], logits=False, opened=False
    )
    assert (scores["n"], scores["cut_limit"], scores["cut_thinking"]) == (5, 2, 2)
    assert scores["subjects"]["doctor"]["cut_thinking"] == 2 and scores["parse_rate"] == 2 / 5
    assert unread == {"thoughts": 2, "declined": 1} or unread == {"thoughts": 2, "other": 1}


def test_the_harness_s_behaviour_is_there_by_name(evaluated):
    results, replies = evaluated("qwen3", "--thoughts", "harness")
    assert replies == {("<think>정답: A 일까", "A", "")}  # cut at the first full stop, and read
    assert results["config"]["thoughts"] == "harness" and results["cut_thinking"] == 4
    assert results["config"]["unread"] == {"thoughts": 4}


def test_a_budget_ends_thoughts_and_asks_for_the_answer(evaluated):
    results, replies = evaluated("qwen3", "--thinking-budget", "3", tokens="4")
    assert replies == {(f"<think>{''.join(THOUGHT[:2])}\n</think>\n\n정답: C", "C", "C")}
    assert (results["cut_thinking"], results["cut_limit"], results["parse_rate"]) == (4, 0, 1)
    assert results["config"]["thinking_budget"] == 3


def test_logits_behind_a_thought_are_refused_and_without_one_they_are_right(
    models, evaluated, question_folder, tmp_path, capsys
):
    for name, way in (("qwen3", "pass --no-thinking"), ("deepseek_r1_distill", "use --scoring generate")):
        given = command(models[name], question_folder, tmp_path / name, "--shots", "0", "--chat-template")
        assert run(*given, "--scoring", "logits") == 2
        error = capsys.readouterr().err
        assert (
            "begins with thoughts" in error
            and way in error
            and not (tmp_path / name / "results.json").exists()
        )
    results, _ = evaluated("qwen3", "--scoring", "logits", "--no-thinking")
    assert results["parse_rate"] == 1


def test_what_no_template_can_do_is_refused(models, question_folder, tmp_path, capsys):
    given = command(models["deepseek_r1_distill"], question_folder, tmp_path / "out")
    assert run(*given, "--no-thinking") == 2 and "add --chat-template" in capsys.readouterr().err
    assert run(*given, "--no-thinking", "--chat-template") == 1
    assert "has no switch for it" in capsys.readouterr().err
    assert run(*given, "--chat-template", "--no-thinking", "--thinking-budget", "4") == 2


def test_a_comparison_names_both_kinds_of_cut_replies(evaluated, tmp_path):
    evaluated("qwen3", output="base")
    evaluated("qwen3", "--thinking-budget", "3", tokens="4", output="tuned")
    base, tuned = (read_evaluation(tmp_path / name) for name in ("base", "tuned"))
    found = compare(base, tuned)
    assert found.as_dict()["cut_tuned"] == {"replies": 4, "limit": 0, "thinking": 4}
    assert "cut while thinking: 0 and 0 of 4 before, 0 and 4 of 4 after" in as_markdown([found])
    assert any(caution.startswith("thinking_budget") for caution in found.cautions)


def test_vllm_thinks_again_where_a_stop_cut_a_thought(
    models, evaluated, question_folder, tmp_path, monkeypatch
):
    """By a stand-in that stops where vLLM does, in a thought as well; the letters are those of transformers."""
    import sys

    from evaluation.backends import vllm as vllm_backend
    from evaluation.backends.local.loading import load_generator

    generator, asked = load_generator(str(models["qwen3"])), []

    class LLM:
        def __init__(self, **options):
            config = types.SimpleNamespace(max_model_len=4096, dtype="torch.float32")
            device = types.SimpleNamespace(device_config=types.SimpleNamespace(device_type="cpu"))
            self.llm_engine = types.SimpleNamespace(model_config=config, vllm_config=device)

        def generate(self, prompts, sampling, use_tqdm):
            asked.append((len(prompts), bool(sampling["stop"])))
            ids = [p["prompt_token_ids"] for p in prompts]
            stops = Stops(tuple(sampling["stop"]), apart=False)
            for answer in generator.answer(ids, [], stops, sampling["max_tokens"]):
                tokens = generator.tokenizer(answer.text, add_special_tokens=False)["input_ids"]
                reason = "length" if answer.cut else "stop"
                yield types.SimpleNamespace(
                    outputs=[types.SimpleNamespace(token_ids=tokens, finish_reason=reason)]
                )

    monkeypatch.setitem(sys.modules, "vllm", types.SimpleNamespace(LLM=LLM, SamplingParams=lambda **v: v))
    monkeypatch.setattr(vllm_backend, "find_spec", lambda name: True)
    _, replies = evaluated("qwen3", "--backend", "vllm")
    assert replies == {(FULL, "C", "C")} and asked == [(4, True), (4, False)]
    _, replies = evaluated(
        "qwen3", "--backend", "vllm", "--thinking-budget", "3", tokens="4", output="budget"
    )
    assert {letter for *_, letter in replies} == {"C"}


def test_a_budget_where_the_mark_is_not_known_leaves_the_thought_cut(make_tokenizer):
    stops = Stops((".",))
    answer = Answer("<|channel|>analysis<|message|>A", cut=LIMIT)
    assert past_budget(make_tokenizer(bos=False), stops, [[1]], [answer], None) == [answer]
    done, on = Answer("B"), Answer("<think>A", cut=LIMIT)
    ended = past_budget(
        make_tokenizer(bos=False), stops, [[1], [1]], [done, on], lambda more, s: [Answer("C. A")]
    )
    assert ended == [done, Answer("<think>A\n</think>\n\nC", cut=BUDGET)]
    assert past_budget(make_tokenizer(bos=False), stops, [[1]], [on], None, longest=3) == [on]  # no room
