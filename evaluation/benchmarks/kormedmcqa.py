"""KorMedMCQA by the protocol of lm-evaluation-harness (task `kormedmcqa` 3.0; arXiv 2403.01469)."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from evaluation.harness.benchmark import Benchmark, Style
from evaluation.harness.options import COT, DIRECT
from evaluation.harness.questions import Subject, load_configs, read_subjects
from komep_dataset.errors import KomepError

HUB_ID = "sean0042/KorMedMCQA"
SUBJECTS = ("doctor", "nurse", "pharm", "dentist")  # configs on the Hub, in the harness's order


def in_order(subjects: list[Subject]) -> list[Subject]:
    """The known subjects in the harness's order, then any others as they came."""
    return sorted(subjects, key=lambda s: SUBJECTS.index(s.name) if s.name in SUBJECTS else len(SUBJECTS))


def load(
    data: Path | None, subjects: Sequence[str] | None, columns: Mapping[str, str] | None = None
) -> list[Subject]:
    """The questions from a file or folder, or the wanted subjects from the Hub; `columns` is a map of names."""
    if data is not None:
        found = in_order(read_subjects(data, columns=columns))
        known = [one.name for one in found if one.name in SUBJECTS]
        others = [one.name for one in found if one.name not in SUBJECTS]
        if known and others and subjects is None:
            raise KomepError(
                f"--data {data}: besides KorMedMCQA's {', '.join(known)} it holds {', '.join(others)}, no subject of it; "
                f"name what is to be asked: --subjects {','.join(known)}"
            )
        return found
    unknown = [name for name in subjects or () if name not in SUBJECTS]
    if unknown:
        raise KomepError(f"--subjects {', '.join(unknown)}: not in {HUB_ID}, which has {', '.join(SUBJECTS)}")
    return load_configs(HUB_ID, [name for name in SUBJECTS if subjects is None or name in subjects])


QUESTION = "{stripped}\n{options}"
TASK = "단계별로 풀이한 뒤, 마지막 줄에 '정답: '과 보기의 기호를 쓰시오."
BENCHMARK = Benchmark(
    load,
    {
        # The answer line ends in a full-width colon.
        DIRECT: Style("lm-evaluation-harness kormedmcqa 3.0", f"{QUESTION}정답：", " {answer}\n\n"),
        # Wording ours; its last line has an ASCII colon, which the paper's cascade reads too. A solution has full
        # stops and may have blank lines; what follows the answer is a question of the model's own.
        COT: Style(
            "KoMeP kormedmcqa cot 1",
            f"{QUESTION}{TASK}\n풀이:",
            " {cot}\n정답: {answer}\n\n",
            stops=("풀이:", "Q:", "</s>", "<|im_end|>"),
        ),
    },
)
