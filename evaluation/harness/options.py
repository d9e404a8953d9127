"""What one evaluation is asked for: the options of `python -m evaluation.run`, stated once.

The command takes its options from the record's fields, the runner and the backends read it, and `results.json` keeps
it under `config`.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from evaluation.harness.registry import BACKENDS, BENCHMARKS
from komep_dataset.commands.options import Limit, Map

DIRECT, COT = "direct", "cot"
GENERATE, LOGITS = "generate", "logits"
APART, HARNESS = "apart", "harness"
DTYPES = ("auto", "float32", "bfloat16", "float16")
# How `results.json` begins under `config`; the others follow as they stand in the record.
FIRST = ("model", "benchmark", "data", "shots", "subjects", "limit", "prompt", "scoring", "chat_template")
NOT_RECORDED = ("output", "publish", "plan", "texts")


def one_of(names: Iterable[str], **settings: Any) -> typer.models.OptionInfo:
    """An option that takes one of these names; another value is refused with exit code 2."""
    known = tuple(names)

    def check(value: str) -> str:
        if value not in known:
            raise typer.BadParameter(f"{value!r} is not one of {', '.join(known)}")
        return value

    return typer.Option(callback=check, **settings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What one evaluation is asked for, in the order of --help.

    Raises `typer.BadParameter` where values contradict one another.
    """

    model: Annotated[str, typer.Option(help="Folder of a model or LoRA adapter, or an id on the Hub.")]
    benchmark: Annotated[
        str, one_of(BENCHMARKS, help=f"Questions to ask: {', '.join(BENCHMARKS)}; --list says what they are.")
    ]
    output: Annotated[Path, typer.Option("--output", "-o", help="File or folder to write.")]
    revision: Annotated[
        str | None, typer.Option(help="Branch, tag or commit of it on the Hub. [default: main]")
    ] = None
    data: Annotated[
        Path | None, typer.Option(help="File or folder to read in place of the benchmark's own data.")
    ] = None
    map: Map = None
    shots: Annotated[
        int | None,
        typer.Option(
            min=0, metavar="N", help="Worked examples that stand before each question. [default: 5]"
        ),
    ] = None
    backend: Annotated[str, one_of(BACKENDS, help=f"What runs the model: {', '.join(BACKENDS)}.")] = (
        "transformers"
    )
    prompt: Annotated[
        str,
        one_of(
            (DIRECT, COT),
            help="How it is asked. direct: for the letter, as the benchmark's protocol does; cot: for a solution first.",
        ),
    ] = DIRECT
    scoring: Annotated[
        str,
        one_of(
            (GENERATE, LOGITS),
            help="How a letter is got. generate: a reply is written and read; logits: the letter that is the likeliest first "
            "token; a reply is written all the same, which says how often the two agree.",
        ),
    ] = GENERATE
    subjects: Annotated[
        str | None,
        typer.Option(help="Only these subjects of the benchmark, separated by commas. [default: all]"),
    ] = None
    limit: Limit = None
    chat_template: Annotated[
        bool,
        typer.Option(
            "--chat-template", help="Put the prompt into the model's chat template, as one message of a user."
        ),
    ] = False
    enable_thinking: Annotated[
        bool | None,
        typer.Option(
            "--enable-thinking/--no-thinking",
            help="Turn the thinking of the model on or off, by its chat template. [default: as the template has it]",
        ),
    ] = None
    thinking_budget: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Tokens of thoughts, on top of --max-new-tokens; then they are ended and the answer is asked for "
            "(an endpoint is given the tokens alone).",
        ),
    ] = None
    thoughts: Annotated[
        str,
        one_of(
            (APART, HARNESS),
            help="Where a letter is looked for. apart: in what follows the thoughts; harness: in the thoughts, too, as "
            "lm-evaluation-harness does without think_end_token (`robust` reads none of them even then).",
        ),
    ] = APART
    think_end_token: Annotated[
        str | None,
        typer.Option(
            help="Text that ends the thoughts of a model whose marks are not known: all before it is thought."
        ),
    ] = None
    batch_size: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Questions whose replies are written together. [default: 32; 256 on a GPU]",
        ),
    ] = None
    max_new_tokens: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Tokens of a reply at the most. [default: 1024, the protocol's]"
        ),
    ] = None
    dtype: Annotated[
        str,
        one_of(
            DTYPES,
            help=f"Precision of the model: {', '.join(DTYPES)}; auto: as it was saved, float32 on a CPU.",
        ),
    ] = "auto"
    prefix_cache: Annotated[
        bool,
        typer.Option(
            help="Compute once what the prompts of a subject have in common: faster, for some memory."
        ),
    ] = True
    allow_duplicates: Annotated[
        bool,
        typer.Option(
            "--allow-duplicates",
            help="Take questions that stand in the data twice, instead of refusing the data.",
        ),
    ] = False
    endpoint: Annotated[
        str | None, typer.Option(help="With --backend openai: address of the server, up to and with /v1.")
    ] = None
    api_key_env: Annotated[
        str | None, typer.Option(help="With --backend openai: environment variable that holds the key.")
    ] = None
    concurrency: Annotated[
        int, typer.Option(min=1, metavar="N", help="With --backend openai: requests in flight at a time.")
    ] = 16
    tensor_parallel: Annotated[
        int, typer.Option(min=1, metavar="N", help="With --backend vllm: GPUs that the model is split over.")
    ] = 1
    texts: Annotated[
        bool, typer.Option("--texts", help="Write question and options into predictions.jsonl as well.")
    ] = False
    plan: Annotated[bool, typer.Option("--plan", help="Print what would be done, and do nothing.")] = False
    publish: Annotated[
        str | None,
        typer.Option(
            metavar="ORG/MODEL",
            help="Write the results into this model's card on the Hub, as evaluation.publish does.",
        ),
    ] = None

    def __post_init__(self) -> None:
        if self.map and self.data is None:
            raise typer.BadParameter("names columns of your own --data", param_hint="--map")
        if self.subjects is not None and not self.subjects.replace(",", " ").strip():
            raise typer.BadParameter("name at least one subject", param_hint="--subjects")
        if self.endpoint is not None and self.backend != "openai":
            raise typer.BadParameter("only --backend openai asks an endpoint", param_hint="--endpoint")
        thinking = {True: "--enable-thinking", False: "--no-thinking"}.get(self.enable_thinking)
        if thinking and not self.chat_template:
            raise typer.BadParameter("is said to the chat template; add --chat-template", param_hint=thinking)
        if self.enable_thinking and self.scoring == LOGITS:
            raise typer.BadParameter(
                "the first token of a thought is no answer; leave one out",
                param_hint=f"{thinking}, --scoring logits",
            )
        if self.thinking_budget and (
            self.enable_thinking is False or self.thoughts == HARNESS or self.scoring == LOGITS
        ):
            raise typer.BadParameter(
                "does not go with --no-thinking, --thoughts harness or --scoring logits",
                param_hint="--thinking-budget",
            )

        if self.think_end_token is not None and (
            self.thoughts == HARNESS or not self.think_end_token.strip()
        ):
            raise typer.BadParameter(
                "is a text that is not blank, and does not go with --thoughts harness",
                param_hint="--think-end-token",
            )
        if self.revision is not None and self.backend == "openai":
            raise typer.BadParameter("an endpoint serves what it serves", param_hint="--revision")
        if self.revision is not None and Path(self.model).exists():
            raise typer.BadParameter(
                f"{self.model} is a folder here, without revisions", param_hint="--revision"
            )

    @property
    def longest_reply(self) -> int:
        """Tokens of a reply at the most, its thoughts included; `max_new_tokens` is a number by then."""
        return self.max_new_tokens + (self.thinking_budget or 0)

    def recorded(self) -> dict[str, Any]:
        """The options as `results.json` keeps them; paths as text."""
        asked = {k: str(v) if isinstance(v, Path) else v for k, v in asdict(self).items()}
        return dict.fromkeys(FIRST) | {k: v for k, v in asked.items() if k not in NOT_RECORDED}
