"""Greedy generation: the cached prefix changes nothing, replies end where they should."""

import pytest
import torch
from transformers import GenerationConfig

from evaluation.backends.local.generation import Generator, StopText, own_settings
from evaluation.harness.prompts import common_prefix
from komep_dataset.errors import KomepError
from tests.evaluation.backends.local.greedy import LIMIT, plain, twelve_prompts
from tests.evaluation.conftest import tiny_llama, tiny_tokenizer


@pytest.fixture(scope="module")
def prompts() -> list:
    return twelve_prompts()


@pytest.fixture(scope="module")
def by_generate(prompts):
    """Architecture -> the replies of `generate`, made once."""
    tokenizer = tiny_tokenizer(bos=True)
    made = {"llama": tiny_llama, "gemma2": tiny_gemma2}
    return {
        name: tokenizer.batch_decode(plain(make(), prompts), skip_special_tokens=True)
        for name, make in made.items()
    }


def tiny_gemma2():
    """Layers with a window of 16 tokens between full ones: a prefix longer than the window must still be right."""
    from transformers import Gemma2Config, Gemma2ForCausalLM

    torch.manual_seed(0)
    return Gemma2ForCausalLM(
        Gemma2Config(
            vocab_size=400, hidden_size=32, intermediate_size=64, num_hidden_layers=4, num_attention_heads=4,
            num_key_value_heads=2, head_dim=8, sliding_window=16, query_pre_attn_scalar=8, initializer_range=0.3,
            pad_token_id=0, bos_token_id=1, eos_token_id=2,
        )
    ).eval()  # fmt: skip


@pytest.mark.parametrize("architecture", ["llama", "gemma2"])
@pytest.mark.parametrize(("batch_size", "read_tokens"), [(1, 2048), (5, 2048), (12, 2048), (12, 70), (12, 1)])
def test_cached_prefix_gives_what_generate_gives(
    architecture, batch_size, read_tokens, prompts, by_generate, make_llama, make_tokenizer, monkeypatch
):
    """Whether a batch's prompts are read at once, a few at a time or one by one."""
    monkeypatch.setattr("evaluation.backends.local.generation.READ_TOKENS", {"cpu": read_tokens})
    model = make_llama() if architecture == "llama" else tiny_gemma2()
    tokenizer = make_tokenizer(bos=True)
    assert common_prefix(prompts) == 41
    expected = by_generate[architecture]
    generator = Generator(model, tokenizer)
    assert generator.reuse_prefix
    assert generator.generate(prompts, (), LIMIT, batch_size) == expected
    assert len(set(expected)) > 6  # the replies depend on the prompts
    assert (
        Generator(model, tokenizer, reuse_prefix=False).generate(prompts, (), LIMIT, batch_size) == expected
    )


def test_the_prefix_is_run_once(prompts, make_llama, make_tokenizer):
    """Tokens that enter the model: the prefix once, and of each prompt what is behind it."""
    model, fed = make_llama(), []
    model.model.register_forward_pre_hook(
        lambda module, args, kwargs: fed.append(kwargs["input_ids"].numel()), with_kwargs=True
    )
    Generator(model, make_tokenizer(bos=True)).generate(prompts, (), 1, batch_size=1)
    assert fed == [41, *sorted((len(p) - 41 for p in prompts), reverse=True)]


def test_models_with_other_layers_are_run_without_a_cached_prefix(make_tokenizer):
    from transformers import MambaConfig, MambaForCausalLM

    config = MambaConfig(vocab_size=400, hidden_size=16, state_size=4, num_hidden_layers=1, pad_token_id=0)
    assert not Generator(MambaForCausalLM(config), make_tokenizer(bos=True)).reuse_prefix


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA"), RuntimeError("DefaultCPUAllocator: can't allocate memory: 9")]
)
def test_a_batch_that_does_not_fit_is_run_in_halves(error, prompts, make_llama, make_tokenizer):
    """A model with room for three prompts: batches of eight end as batches of two, with the same replies."""
    model, tokenizer, sizes = make_llama(), make_tokenizer(bos=True), []
    expected = Generator(model, tokenizer).generate(prompts, (), LIMIT, 2)

    def room_for_three(_, args, kwargs):
        sizes.append(len(kwargs["input_ids"]))
        if sizes[-1] > 3:
            raise error

    model.model.register_forward_pre_hook(room_for_three, with_kwargs=True)
    generator = Generator(model, tokenizer)
    assert generator.generate(prompts, (), LIMIT, 8) == expected
    assert generator.largest == 2 and [n for n in sizes if n > 2] == [8, 4]  # tried once, never again


def test_memory_too_small_for_one_prompt_is_explained(prompts, make_llama, make_tokenizer):
    model = make_llama()

    def fail(*_):
        raise torch.OutOfMemoryError

    model.lm_head.register_forward_pre_hook(fail)
    with pytest.raises(KomepError, match=r"memory is too small for one prompt of \d+ tokens"):
        Generator(model, make_tokenizer(bos=True)).generate(prompts, (), LIMIT, 8)


def test_another_error_is_not_taken_for_a_lack_of_memory(prompts, make_llama, make_tokenizer):
    model = make_llama()

    def fail(*_):
        raise RuntimeError("device-side assert")

    model.lm_head.register_forward_pre_hook(fail)
    with pytest.raises(RuntimeError, match="device-side assert"):
        Generator(model, make_tokenizer(bos=True)).generate(prompts, (), LIMIT, 8)


def test_replies_end_before_a_stop_string(prompts, make_llama, make_tokenizer):
    """A stop string out of the free replies themselves, in a batch in which other rows go on."""
    model, tokenizer = make_llama(), make_tokenizer(bos=True)
    free = Generator(model, tokenizer).generate(prompts, (), LIMIT, 12)
    stop = next(text for text in free if len(text) > 6)[3:5]
    stopped = Generator(model, tokenizer).generate(prompts, (stop,), LIMIT, 12)
    assert stopped == [text.split(stop)[0] for text in free]
    assert stopped != free


def test_generation_stops_early_when_every_row_has_ended(prompts, make_llama, make_tokenizer):
    model, tokenizer, steps = make_llama(), make_tokenizer(bos=True), []
    free = Generator(model, tokenizer).generate(prompts[:1], (), LIMIT, 1)[0]
    model.model.register_forward_pre_hook(lambda *_: steps.append(1))
    Generator(model, tokenizer).generate(prompts[:1], (free[:1],), LIMIT, 1)
    assert len(steps) < LIMIT


@pytest.mark.parametrize("read_tokens", [2048, 70])
@pytest.mark.parametrize("fewest", [1, 4])
def test_rows_that_end_at_different_tokens(
    read_tokens, fewest, prompts, make_llama, make_tokenizer, monkeypatch
):
    """Those that have ended are taken out of the batch, and the others say what they say alone."""
    monkeypatch.setattr("evaluation.backends.local.generation.READ_TOKENS", {"cpu": read_tokens})
    monkeypatch.setattr("evaluation.backends.local.generation.FEWEST_TOKENS", fewest)
    model, tokenizer, rows, limit = make_llama(), make_tokenizer(bos=True), [], 24
    model.generation_config.eos_token_id = None
    tokens = plain(model, prompts, limit)
    ends = {tokens[0][0], tokens[3][1], tokens[5][7], tokens[8][20]}
    model.generation_config.eos_token_id = sorted(ends)
    kept = [row[: next((n for n, t in enumerate(row) if t in ends), limit)] for row in tokens]
    assert len({len(row) for row in kept}) > 4 and [] in kept
    model.lm_head.register_forward_pre_hook(lambda module, args: rows.append(len(args[0])))
    generator = Generator(model, tokenizer)
    assert generator.generate(prompts, (), limit, 12) == tokenizer.batch_decode(
        kept, skip_special_tokens=True
    )
    going_on = rows[next(n for n, count in enumerate(rows) if sum(rows[: n + 1]) == len(prompts)) + 1 :]
    assert going_on == sorted(going_on, reverse=True)
    assert going_on[0] <= sum(map(bool, kept)) and len(set(going_on)) > 2


def test_replies_end_before_the_end_of_sequence(prompts, make_llama, make_tokenizer):
    model, tokenizer = make_llama(), make_tokenizer(bos=True)
    tokens = plain(model, prompts)
    end = tokens[2][4]
    model.generation_config.eos_token_id = [2, end]
    kept = [row[: row.index(end)] if end in row else row for row in tokens]
    expected = tokenizer.batch_decode(kept, skip_special_tokens=True)
    assert len(expected[2]) < len(tokenizer.decode(tokens[2]))
    assert Generator(model, tokenizer).generate(prompts, (), LIMIT, 12) == expected


def test_a_stop_that_is_a_special_token_ends_its_row_alone(prompts, make_llama, make_tokenizer):
    """`<|im_end|>` leaves no text behind; what a row says after it, while others go on, is not its reply.

    The model has no end-of-sequence, so that nothing else ends a row.
    """
    tokenizer, model = make_tokenizer(bos=True), make_llama(vocab_size=401)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_end|>"]})
    model.generation_config.eos_token_id = None
    said = plain(model, prompts)[2][4]
    with torch.no_grad():  # the model says token 400, <|im_end|>, where it would have said that one
        for table in (model.lm_head.weight, model.model.embed_tokens.weight):
            table[[said, 400]] = table[[400, said]]
    tokens = plain(model, prompts)
    kept = [row[: row.index(400)] if 400 in row else row for row in tokens]
    assert 0 < sum(len(row) < LIMIT for row in kept) < len(prompts)
    expected = tokenizer.batch_decode(kept, skip_special_tokens=True)
    assert Generator(model, tokenizer).generate(prompts, ("<|im_end|>",), LIMIT, 12) == expected


@pytest.mark.parametrize(
    ("text", "stop"),
    [("답 B.", "."), ("답 B\n\n끝", "\n\n"), ("가</s>", "</s>"), ("나<|im_end|>", "<|im_end|>")],
)
def test_stop_text_sees_stops_however_they_are_split(make_tokenizer, text, stop):
    """Token by token, a row ends with the token that completes the stop string, special tokens included."""
    tokenizer = make_tokenizer(bos=True)
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    criterion = StopText(tokenizer, (stop, "Q:"), prompt_tokens=2, rows=2)
    ended = []
    for n in range(1, len(ids) + 1):
        rows = torch.tensor([[1, 1, *ids[:n]], [1, 1, *[ids[0]] * n]])
        ended.append(criterion(rows, None).tolist())
    complete = [stop in tokenizer.decode(ids[:n]) for n in range(1, len(ids) + 1)]
    assert any(complete)
    assert ended == [[done, False] for done in complete]
    assert criterion.ended == [complete.index(True) + 1, None]


def test_stop_text_does_not_look_into_the_prompt(make_tokenizer):
    tokenizer = make_tokenizer(bos=True)
    prompt = tokenizer("문항.", add_special_tokens=False)["input_ids"]
    reply = tokenizer("가", add_special_tokens=False)["input_ids"]
    criterion = StopText(tokenizer, (".",), prompt_tokens=len(prompt), rows=1)
    assert criterion(torch.tensor([[*prompt, *reply]]), None).tolist() == [False]


def test_padding_is_not_what_a_repetition_penalty_sees(prompts, make_llama, make_tokenizer):
    """A model that comes with a repetition penalty (Qwen2-7B-Instruct has 1.05) replies in a batch as it does alone.

    Tokens of the prompt are what is penalised: padding made of another token, say of end-of-sequence, would add that.
    """
    model, tokenizer = make_llama(), make_tokenizer(bos=True)
    model.generation_config.eos_token_id = None
    model.generation_config.repetition_penalty = 3.0
    with torch.no_grad():  # the padding token is what it would say next
        said = plain(model, prompts)[2][1]
        for table in (model.lm_head.weight, model.model.embed_tokens.weight):
            table[[said, tokenizer.pad_token_id]] = table[[tokenizer.pad_token_id, said]]
    expected = tokenizer.batch_decode(plain(model, prompts), skip_special_tokens=True)
    for reuse in (True, False):
        generator = Generator(model, tokenizer, reuse_prefix=reuse)
        assert generator.generate(prompts, (), LIMIT, 5) == expected


@pytest.mark.parametrize(
    "asked",
    [
        {"use_cache": False},
        {"num_beams": 4, "early_stopping": True},
        {"do_sample": True, "num_return_sequences": 3},
        {"num_beams": 4, "num_beam_groups": 2, "diversity_penalty": 0.5},
        {"prompt_lookup_num_tokens": 3},
        {"penalty_alpha": 0.6, "top_k": 4},
        {"dola_layers": "high"},
        {"stop_strings": ["a"]},
        {"return_dict_in_generate": True, "output_scores": True},
        {"cache_implementation": "static"},
        {"min_new_tokens": 10, "begin_suppress_tokens": [5, 6, 7]},
        {"forced_bos_token_id": 5, "forced_eos_token_id": 2},
        {"guidance_scale": 2.0},
        {"max_length": 5},
        {"max_time": 0.001},
        {"exponential_decay_length_penalty": [1, 4.0]},
        {"token_healing": True},
    ],
    ids=lambda asked: next(iter(asked)),
)
def test_the_runners_own_settings_hold(asked, prompts, by_generate, make_llama, make_tokenizer):
    model = make_llama()
    for name, value in asked.items():
        setattr(model.generation_config, name, value)
    generator = Generator(model, make_tokenizer(bos=True))
    assert generator.overruled == {name: str(value) for name, value in asked.items()}
    assert generator.generate(prompts, (), LIMIT, 5) == by_generate["llama"]


def test_what_is_laid_on_tokens_and_ends_is_the_models_own():
    asked = {
        "eos_token_id": [2, 7],
        "repetition_penalty": 1.3,
        "no_repeat_ngram_size": 2,
        "suppress_tokens": [4],
    }
    own, overruled = own_settings(GenerationConfig(**asked, num_beams=1, temperature=1.0))
    assert {name: getattr(own, name) for name in asked} == asked and overruled == {}


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_logits_that_are_no_numbers_stop_the_run(value, prompts, make_llama, make_tokenizer):
    """NaN, and what a narrow type makes of large numbers: nothing is ranked by them."""
    model = make_llama()
    model.lm_head.register_forward_hook(
        lambda _, __, logits: logits.index_fill(-1, torch.tensor([17]), value)
    )
    generator = Generator(model, make_tokenizer(bos=True))
    with pytest.raises(KomepError, match=r"NaN or infinite.*--dtype"):
        generator.answer(prompts[:3], (), (), 2, [17, 18])


def test_a_long_thought_is_not_cut_at_its_stops(tmp_path, make_tokenizer):
    """Over the steps in which replies go on together (64 tokens), with and without a shared prefix."""
    from evaluation.backends.local.loading import load_generator
    from evaluation.harness.backend import Stops
    from tests.evaluation.scripted import thinker

    thought = tuple(f" {n}번은." for n in range(90))
    generator = load_generator(str(thinker(tmp_path / "long", make_tokenizer(bos=False), thought=thought)))
    prompts = [
        generator.tokenizer(text)["input_ids"] for text in ("문항 1\n", "문항 2 아스피린\n", "문항 1 다른\n")
    ]
    whole = f"<think>{''.join(thought)}</think>\n\n정답: C"
    stops = (".", "\n\n")
    for generator.reuse_prefix in (True, False):
        assert generator.generate(prompts, stops, 120, 3) == [whole] * 3
    assert generator.generate(prompts, Stops(stops, apart=False), 120, 3) == ["<think> 0번은"] * 3
    cut = generator.answer(prompts, [], Stops(stops), 70)
    assert {answer.cut for answer in cut} == {"limit"} and {a.text for a in cut} == {
        whole[: len(cut[0].text)]
    }
