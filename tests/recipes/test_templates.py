"""Golden tokens: what reaches the model, for each family's chat format and each method, from the trainers' own batches.

The tokenizers are built here, of whole words, line breaks and the family's special tokens. The templates are ours, written
to give the format that each family documents. `⏎` is a line break, `⏎⏎` the one token that two of them are.
"""

import shutil
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import pytest

from tests.recipes.tiny_runs import METHODS, flags, messages, pair, train, write_release

pytest.importorskip("trl", reason="needs the extra [recipes]")

from datasets import Dataset
from tokenizers import AddedToken, Regex, Tokenizer, models, pre_tokenizers, processors
from trainers.dpo import PairwiseDPOTrainer
from trainers.orpo import ORPOConfig, ORPOTrainer, PairwiseORPOTrainer
from trainers.sft import PairwiseSFTTrainer
from training.unfit import count_tokens
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, set_seed
from trl import DPOConfig, SFTConfig


def row(question: str, chosen: str, rejected: str) -> dict:
    return {
        "prompt": messages("user", question),
        "chosen": messages("assistant", chosen),
        "rejected": messages("assistant", rejected),
        "question_id": "0" * 16,
    }


ROW = row("당뇨병 is ?", "insulin treats 당뇨병", "aspirin\ntreats heart")

LLAMA_TURNS = (
    "{% for m in messages %}<|start_header_id|>{{ m['role'] }}<|end_header_id|>\n\n{{ m['content'] | trim }}<|eot_id|>"
    "{% endfor %}{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
CHATML_TURNS = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@dataclass(frozen=True)
class Family:
    """Special tokens, template and golden tokens of a family: the prompt, then the two answers."""

    template: str
    bos: str | None
    eos: str  # of the tokenizer
    end: str  # of a turn
    prompt: str
    chosen: str
    rejected: str
    adds_bos: bool = False  # the tokenizer itself writes it before every text, as Llama's and Gemma's do
    writes_bos: bool = True  # tokenizer or template writes it at all, where the tokenizer names one
    pad: str = "<|endoftext|>"
    special: tuple[str, ...] = ()

    @property
    def tokens(self) -> list[str]:
        """Every special token, once."""
        return [*dict.fromkeys(filter(None, (self.pad, self.bos, self.eos, self.end, *self.special)))]


FAMILIES = {
    "llama-3.1": Family(
        template="{{ bos_token }}<|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December 2023\n"
        "Today Date: 26 Jul 2024\n\n<|eot_id|>" + LLAMA_TURNS,
        bos="<|begin_of_text|>",
        eos="<|eot_id|>",
        end="<|eot_id|>",
        adds_bos=True,
        pad="<|finetune_right_pad_id|>",
        special=("<|start_header_id|>", "<|end_header_id|>"),
        prompt="<|begin_of_text|> <|start_header_id|> system <|end_header_id|> ⏎⏎ Cutting Knowledge Date: December 2023 ⏎ "
        "Today Date: 26 Jul 2024 ⏎⏎ <|eot_id|> <|start_header_id|> user <|end_header_id|> ⏎⏎ 당뇨병 is ? <|eot_id|> "
        "<|start_header_id|> assistant <|end_header_id|> ⏎⏎",
        chosen="insulin treats 당뇨병 <|eot_id|>",
        rejected="aspirin ⏎ treats heart <|eot_id|>",
    ),
    "gemma-2": Family(
        template="{{ bos_token }}{% for m in messages %}{% if m['role'] == 'system' %}"
        "{{ raise_exception('System role not supported') }}{% endif %}"
        "<start_of_turn>{{ 'model' if m['role'] == 'assistant' else m['role'] }}\n{{ m['content'] | trim }}<end_of_turn>\n"
        "{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}",
        bos="<bos>",
        eos="<eos>",
        end="<end_of_turn>",
        adds_bos=True,
        pad="<pad>",
        special=("<start_of_turn>",),
        prompt="<bos> <start_of_turn> user ⏎ 당뇨병 is ? <end_of_turn> ⏎ <start_of_turn> model ⏎",
        chosen="insulin treats 당뇨병 <end_of_turn> ⏎",
        rejected="aspirin ⏎ treats heart <end_of_turn> ⏎",
    ),
    "qwen2": Family(
        template="{% if messages[0]['role'] != 'system' %}<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
        "{% endif %}" + CHATML_TURNS,
        bos=None,
        eos="<|im_end|>",
        end="<|im_end|>",
        special=("<|im_start|>",),
        prompt="<|im_start|> system ⏎ You are a helpful assistant. <|im_end|> ⏎ <|im_start|> user ⏎ 당뇨병 is ? <|im_end|> ⏎ "
        "<|im_start|> assistant ⏎",
        chosen="insulin treats 당뇨병 <|im_end|> ⏎",
        rejected="aspirin ⏎ treats heart <|im_end|> ⏎",
    ),
    # The prompt leaves the choice to think open, and an answer without reasoning begins with an empty block.
    "qwen3": Family(
        template="{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
        "{% if m['role'] == 'assistant' and loop.last %}<think>\n\n</think>\n\n{% endif %}{{ m['content'] }}<|im_end|>\n"
        "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n"
        "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% endif %}{% endif %}",
        bos=None,
        eos="<|im_end|>",
        end="<|im_end|>",
        special=("<|im_start|>", "<think>", "</think>"),
        prompt="<|im_start|> user ⏎ 당뇨병 is ? <|im_end|> ⏎ <|im_start|> assistant ⏎",
        chosen="<think> ⏎⏎ </think> ⏎⏎ insulin treats 당뇨병 <|im_end|> ⏎",
        rejected="<think> ⏎⏎ </think> ⏎⏎ aspirin ⏎ treats heart <|im_end|> ⏎",
    ),
    # Its tokenizer names a BOS token and no text begins with it; only the turns of system and assistant have an end.
    "exaone-3.5": Family(
        template="{% if messages[0]['role'] != 'system' %}[|system|][|endofturn|]\n{% endif %}"
        "{% for m in messages %}[|{{ m['role'] }}|]{{ m['content'] }}"
        "{{ '\n' if m['role'] == 'user' else '[|endofturn|]\n' }}{% endfor %}"
        "{% if add_generation_prompt %}[|assistant|]{% endif %}",
        bos="[BOS]",
        eos="[|endofturn|]",
        end="[|endofturn|]",
        writes_bos=False,
        pad="[PAD]",
        special=("[|system|]", "[|user|]", "[|assistant|]"),
        prompt="[|system|] [|endofturn|] ⏎ [|user|] 당뇨병 is ? ⏎ [|assistant|]",
        chosen="insulin treats 당뇨병 [|endofturn|] ⏎",
        rejected="aspirin ⏎ treats heart [|endofturn|] ⏎",
    ),
    # Its BOS token is the one that opens each turn, so there is no other at the start; its padding is its EOS.
    "smollm2": Family(
        template="{% if messages[0]['role'] != 'system' %}<|im_start|>system\n"
        "You are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n{% endif %}"
        + CHATML_TURNS,
        bos="<|im_start|>",
        eos="<|im_end|>",
        end="<|im_end|>",
        pad="<|im_end|>",
        prompt="<|im_start|> system ⏎ You are a helpful AI assistant named SmolLM, trained by Hugging Face <|im_end|> ⏎ "
        "<|im_start|> user ⏎ 당뇨병 is ? <|im_end|> ⏎ <|im_start|> assistant ⏎",
        chosen="insulin treats 당뇨병 <|im_end|> ⏎",
        rejected="aspirin ⏎ treats heart <|im_end|> ⏎",
    ),
}
WORDS = sorted(
    {
        word
        for family in FAMILIES.values()
        for text in (family.prompt, family.chosen, family.rejected)
        for word in text.split()
    }
)


def build_tokenizer(family: Family) -> PreTrainedTokenizerFast:
    """Words and line breaks as tokens, blanks dropped, the family's special tokens never cut."""
    words = [word.replace("⏎", "\n") for word in WORDS if word not in family.tokens]
    vocabulary = {word: index for index, word in enumerate([*family.tokens, "<unk>", *words])}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    breaks = pre_tokenizers.Split(Regex(r"\n+"), "isolated")
    inner.pre_tokenizer = pre_tokenizers.Sequence([breaks, pre_tokenizers.Split(Regex(" +"), "removed")])
    inner.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in family.tokens])
    if family.adds_bos:
        inner.post_processor = processors.TemplateProcessing(
            single=f"{family.bos} $A", special_tokens=[(family.bos, vocabulary[family.bos])]
        )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner,
        bos_token=family.bos,
        eos_token=family.eos,
        pad_token=family.pad,
        unk_token="<unk>",
    )
    tokenizer.chat_template = family.template
    return tokenizer


def written(tokenizer: PreTrainedTokenizerFast, ids: list[int]) -> str:
    """Token ids as in the golden strings."""
    return " ".join(token.replace("\n", "⏎") for token in tokenizer.convert_ids_to_tokens(ids))


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    """A random Llama that is large enough for any of the vocabularies."""
    set_seed(0)
    sizes = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    folder = tmp_path_factory.mktemp("model")
    LlamaForCausalLM(LlamaConfig(vocab_size=len(WORDS) + 20, num_key_value_heads=1, **sizes)).save_pretrained(
        folder
    )
    return str(folder)


def settings(kind: type, output: Path, **more):
    """A config of TRL for one batch on the CPU."""
    shared = {"per_device_train_batch_size": 1, "bf16": False, "use_cpu": True, "report_to": "none"}
    return kind(output_dir=str(output), max_length=128, dataloader_pin_memory=False, **shared, **more)


def unpadded(batch: dict, ids: str, mask: str, labels: list[list[bool]]) -> list[tuple[list[int], list[int]]]:
    """(prompt, completion) of each row of a batch, by its attention mask and by which tokens the loss looks at."""
    rows = []
    for tokens, kept, learnt in zip(batch[ids].tolist(), batch[mask].tolist(), labels, strict=True):
        prompt = [t for t, k, inside in zip(tokens, kept, learnt, strict=True) if k and not inside]
        completion = [t for t, k, inside in zip(tokens, kept, learnt, strict=True) if k and inside]
        assert (
            tokens[: len(prompt) + len(completion)] == prompt + completion
        )  # prompt first, then the answer, then padding
        rows.append((prompt, completion))
    return rows


def batch_of(
    method: str, model: str, tokenizer, rows: list[dict], output: Path
) -> list[tuple[list[int], list[int]]]:
    """(prompt, completion) ids of the chosen, and but for sft of the rejected conversation, as the model gets them."""
    data = Dataset.from_list(rows)
    given = {"model": model, "processing_class": tokenizer}
    if method == "dpo":
        trainer = PairwiseDPOTrainer(args=settings(DPOConfig, output), train_dataset=data, **given)
        batch = next(iter(trainer.get_train_dataloader()))
        return unpadded(batch, "input_ids", "attention_mask", (batch["completion_mask"] == 1).tolist())
    if method == "orpo":
        trainer = PairwiseORPOTrainer(args=settings(ORPOConfig, output), train_dataset=data, **given)
        batch = next(iter(trainer.get_train_dataloader()))
        sides = (
            (f"{side}_input_ids", f"{side}_attention_mask", f"{side}_labels")
            for side in ("chosen", "rejected")
        )
        return [
            unpadded(batch, ids, mask, (batch[labels] != -100).tolist())[0] for ids, mask, labels in sides
        ]
    args = settings(SFTConfig, output, completion_only_loss=True)
    data = data.rename_column("chosen", "completion")
    batch = next(iter(PairwiseSFTTrainer(args=args, train_dataset=data, **given).get_train_dataloader()))
    return unpadded(batch, "input_ids", "attention_mask", (batch["labels"] != -100).tolist())


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("method", ["dpo", "orpo", "sft"])
def test_tokens_that_reach_the_model(method, name, model, tmp_path):
    family, tokenizer = FAMILIES[name], build_tokenizer(FAMILIES[name])
    found = batch_of(method, model, tokenizer, [ROW], tmp_path)
    golden = [family.chosen] if method == "sft" else [family.chosen, family.rejected]
    assert [(written(tokenizer, p), written(tokenizer, c)) for p, c in found] == [
        (family.prompt, g) for g in golden
    ]
    for prompt, completion in found:
        tokens = tokenizer.convert_ids_to_tokens(prompt + completion)
        turns = tokens.count("<|im_start|>") if family.bos == "<|im_start|>" else 1
        assert tokens.count(family.bos) == (
            turns if family.bos and family.writes_bos else 0
        )  # one BOS, or none where the family writes none
        assert tokenizer.convert_ids_to_tokens(completion).count(family.end) == 1  # one end of turn
        assert tokens.count(family.eos) == (
            0 if family.eos != family.end else tokens.count(family.end)
        )  # no second EOS
        assert "<unk>" not in tokens
    # The length by which the recipe leaves a pair out is the length that the model gets.
    if method != "sft":
        assert count_tokens(ROW, tokenizer)["length"] == max(len(p) + len(c) for p, c in found)


def test_the_end_of_a_turn_is_the_tokenizers_eos_but_for_gemma():
    """Gemma learns to end a turn, and its EOS not at all: generation stops at either, as its generation_config says."""
    assert [name for name, family in FAMILIES.items() if family.eos != family.end] == ["gemma-2"]


@pytest.mark.parametrize("name", ["gemma-2", "qwen2"])
def test_trl_alone_would_add_a_second_end(name):
    """Why `PairwiseORPOTrainer` tokenises itself. When this fails, TRL has mended it."""
    family, tokenizer = FAMILIES[name], build_tokenizer(FAMILIES[name])
    texts = {
        "prompt": tokenizer.apply_chat_template(ROW["prompt"], tokenize=False, add_generation_prompt=True),
    }
    for side in ("chosen", "rejected"):
        text = tokenizer.apply_chat_template(ROW["prompt"] + ROW[side], tokenize=False)
        texts[side] = text.removeprefix(texts["prompt"])
    trainer = object.__new__(ORPOTrainer)
    trainer.is_encoder_decoder, trainer.processing_class, trainer.max_length = False, tokenizer, 128
    ids = trainer.tokenize_row(texts)["chosen_input_ids"]
    assert written(tokenizer, ids) == f"{family.prompt} {family.chosen} {family.eos}"


@pytest.mark.parametrize("method", ["dpo", "orpo", "sft"])
def test_thinking_is_off_in_the_prompt_where_the_data_says_so(method, model, tmp_path):
    """The same tokens; the empty block is then given, not learnt. TRL reads the switch from a column, not from a YAML."""
    family, tokenizer = FAMILIES["qwen3"], build_tokenizer(FAMILIES["qwen3"])
    found = batch_of(
        method, model, tokenizer, [ROW | {"chat_template_kwargs": {"enable_thinking": False}}], tmp_path
    )
    block = "<think> ⏎⏎ </think> ⏎⏎"
    prompt, completion = found[0]
    assert written(tokenizer, prompt) == f"{family.prompt} {block}"
    assert f"{block} {written(tokenizer, completion)}" == family.chosen


@pytest.mark.parametrize("method", ["dpo", "orpo", "sft"])
def test_answer_that_merges_into_the_prompt(method, model, tmp_path):
    """An answer that begins with a line break: the tokens are those of the whole conversation, and the answer begins
    where they part from the prompt's."""
    tokenizer = build_tokenizer(FAMILIES["qwen2"])
    merging = row("당뇨병 is ?", "\ninsulin treats 당뇨병", "\naspirin treats heart")
    prompt, completion = batch_of(method, model, tokenizer, [merging], tmp_path)[0]
    whole = tokenizer.apply_chat_template(merging["prompt"] + merging["chosen"])["input_ids"]
    assert prompt + completion == whole
    assert written(tokenizer, prompt) == FAMILIES["qwen2"].prompt.removesuffix(" ⏎")
    assert written(tokenizer, completion) == "⏎⏎ insulin treats 당뇨병 <|im_end|> ⏎"


def test_gemma_has_no_system_role():
    with pytest.raises(Exception, match="System role not supported"):
        build_tokenizer(FAMILIES["gemma-2"]).apply_chat_template([*messages("system", "is"), *ROW["prompt"]])


def test_smollm2_is_written_as_its_own_template_writes_it(smollm2):
    """The one family whose real tokenizer is at hand: our template gives what its own gives."""
    real, ours = AutoTokenizer.from_pretrained(smollm2), build_tokenizer(FAMILIES["smollm2"])
    for conversation, more in (
        (ROW["prompt"] + ROW["chosen"], {}),
        (ROW["prompt"], {"add_generation_prompt": True}),
    ):
        texts = [t.apply_chat_template(conversation, tokenize=False, **more) for t in (real, ours)]
        assert texts[0] == texts[1]
    assert (real.bos_token, real.eos_token, real.pad_token) == (
        ours.bos_token,
        ours.eos_token,
        ours.pad_token,
    )


TRAINERS = {"dpo": "PairwiseDPOTrainer", "orpo": "PairwiseORPOTrainer", "sft": "PairwiseSFTTrainer"}


@pytest.fixture(scope="module")
def without_padding(tiny_model, tmp_path_factory):
    """The tiny model with a tokenizer that has no padding token, and none to spare but the end of a turn."""
    folder = tmp_path_factory.mktemp("no-pad") / "model"
    shutil.copytree(tiny_model, folder)
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    tokenizer.pad_token = None
    tokenizer.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        text = (folder / name).read_text("utf-8").replace("<|endoftext|>", "<|unused|>")
        (folder / name).write_text(text, "utf-8")
    return folder


@pytest.fixture(scope="module")
def trainers(without_padding, tmp_path_factory):
    """Method -> trainer after one step on pairs of unlike lengths."""
    rows = [pair(i, words=3 + 2 * i) for i in range(4)]
    folder = write_release(tmp_path_factory.mktemp("pairs"), {"train": rows, "test": [pair(9)]})
    found = {}
    for method, name in TRAINERS.items():
        recipe = import_module(method)
        original = getattr(recipe, name)

        def keep(method=method, original=original, **settings):
            found[method] = original(**settings)
            return found[method]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(recipe, name, keep)
            output = tmp_path_factory.mktemp(method) / "out"
            assert train(method, flags(without_padding, folder, output, max_steps=1)) == 0
    return found


@pytest.mark.slow
def test_every_method_sees_the_same_tokens(trainers):
    dpo, orpo, sft = (trainers[method].train_dataset for method in METHODS)
    for i in range(4):
        whole = dpo[i]["prompt_ids"] + dpo[i]["chosen_ids"]
        assert whole == orpo[i]["chosen_input_ids"] == sft[i]["input_ids"]
        assert orpo[i]["chosen_labels"] == sft[i]["labels"]
        assert dpo[i]["prompt_ids"] + dpo[i]["rejected_ids"] == orpo[i]["rejected_input_ids"]
        ends = whole.count(trainers["dpo"].processing_class.convert_tokens_to_ids("<|im_end|>"))
        assert (
            ends == 2
        )  # one for each turn: TRL's own tokens for ORPO have a third after the last line break


def test_the_end_of_a_turn_stays_in_the_loss_where_it_is_the_padding_too(trainers):
    tokenizer = trainers["dpo"].processing_class
    assert tokenizer.pad_token == tokenizer.eos_token == "<|im_end|>"
    end = tokenizer.eos_token_id
    for method, trainer in trainers.items():
        names = {"dpo": ("prompt_ids", "chosen_ids", "rejected_ids"), "sft": ("input_ids", "labels")}
        rows = [
            {key: value for key, value in row.items() if key in names.get(method, row)}
            for row in trainer.train_dataset
        ]
        batch = trainer.data_collator(rows)
        ids = batch["chosen_input_ids"] if method == "orpo" else batch["input_ids"][:4]
        if method == "dpo":
            scored = batch["completion_mask"][:4].bool()
        else:
            scored = (batch["chosen_labels"] if method == "orpo" else batch["labels"]) != -100
        assert ((ids == end) & scored).sum(1).tolist() == [1, 1, 1, 1], method  # the real one, and no padding
        assert (ids == end).sum(1).tolist()[0] > 2, method  # the shortest is padded with it
