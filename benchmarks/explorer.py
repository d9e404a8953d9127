"""The page of `komep report` by size: bytes, seconds and peak memory, for releases of made-up text.

    python -m benchmarks.explorer --pairs 1 5551 50000

Texts are made from a seed: about 120 tokens a text in both languages, six units an answer that repeat the answer's
words in another order, two responders a question. Words are drawn by Zipf's law out of 30,000 made-up ones (40,000 in
Korean, particles added), so that a page compresses about as badly as prose does; runs of words do not repeat. Each
page is written in a process of its own. Prints one line of JSON a size.
"""

from __future__ import annotations

import argparse
import itertools
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MODELS = ("atlas", "birch", "cedar", "delta", "ember")
WORDS = {"en": 90, "ko": 45}  # about 120 tokens of a usual tokenizer
UNITS = 6
ENGLISH = [a + b for a in "bcdfghklmnprstvwz" for b in ("a", "e", "i", "o", "u", "er", "in", "al", "ous")]
KOREAN = list(
    "가각간감강개건검경계고골과관교구국균근기내뇌단당대도동두라량력로리마만면명모무물미반발방병보부분비사산상색생서선성세소수술시신심아안알암약양연열염영외용우원위유음의이인자작장저적전절정제조종주중증지진질차체초추출충치통파폐포피하한항해혈형호화환활효흡"
)
PARTICLES = ("", "은", "는", "이", "가", "을", "를", "에", "의", "에서", "으로")


def vocabulary(rng, syllables, size: int, longest: int):
    """So many distinct words, short ones first, as frequent words are short."""
    words: dict[str, None] = {}
    while len(words) < size:
        lengths = 1 + (len(words) + rng.random(size).cumsum()) * longest // size
        picked = rng.integers(0, len(syllables), (size, longest))
        for row, length in zip(picked.tolist(), lengths.clip(1, longest).astype(int).tolist(), strict=True):
            words["".join(syllables[i] for i in row[:length])] = None
    return list(words)[:size]


def made_up_rows(pairs: int, seed: int = 0, scale: float = 1.0):
    """Scored generations as JSON-ready dicts, two a question: one good, one bad; texts `scale` times as long."""
    import numpy as np

    rng = np.random.default_rng(seed)
    words = {"en": vocabulary(rng, ENGLISH, 30_000, 5), "ko": vocabulary(rng, KOREAN, 40_000, 5)}
    weights = {name: 1 / (np.arange(len(w)) + 2.7) for name, w in words.items()}
    cumulative = {name: np.cumsum(w / w.sum()) for name, w in weights.items()}
    lengths = {name: max(UNITS, round(n * scale)) for name, n in WORDS.items()}

    def draw(name, n):
        picked = [words[name][i] for i in np.searchsorted(cumulative[name], rng.random(n))]
        ends = rng.integers(0, len(PARTICLES), n).tolist() if name == "ko" else [0] * n
        return [word + PARTICLES[end] for word, end in zip(picked, ends, strict=True)]

    for number in range(pairs):
        question = {name: f"{number} {' '.join(draw(name, n // 4 + 1))}?" for name, n in lengths.items()}
        models = rng.permutation(len(MODELS))[:2]
        for rank, model in enumerate(models):
            answer = {name: draw(name, int(n * rng.uniform(0.7, 1.3))) for name, n in lengths.items()}
            true = int(rng.integers(3, 7)) if rank == 0 else int(rng.integers(0, 3))
            yield {
                "question": question["en"], "question_ko": question["ko"], "category": f"category {number % 29}",
                "model": MODELS[model], "response": sentences(answer["en"]), "response_ko": sentences(answer["ko"]),
                "units": units(rng, answer["en"], true),
            }  # fmt: skip


def units(rng, words: list[str], true: int) -> list[dict[str, str]]:
    """Six parts of an answer, the words of each in another order; so many of them are true."""
    bounds = [len(words) * i // UNITS for i in range(UNITS + 1)]
    parts = [words[a:b] or words[:1] for a, b in itertools.pairwise(bounds)]
    return [
        {"text": " ".join(rng.permutation(part)) + ".", "verdict": "true" if i < true else "false"}
        for i, part in enumerate(parts)
    ]


def sentences(words: list[str]) -> str:
    """Words as sentences of fifteen."""
    return " ".join(" ".join(words[i : i + 15]).capitalize() + "." for i in range(0, len(words), 15))


def write_rows(path: Path, pairs: int, scale: float = 1.0) -> Path:
    """Write the scored generations of so many pairs as JSONL."""
    from komep_dataset.files.outputs import lines_with, replacing

    rows = made_up_rows(pairs, scale=scale)
    with (
        replacing(path, *lines_with("question", "question_ko", "units")) as beside,
        beside.open("wb") as file,
    ):
        file.writelines(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)
    return path


def one_page(release: str, output: str) -> dict:
    """Write the page here and say what it took."""
    from komep_dataset.explorer.report import write_report

    start = time.perf_counter()
    write_report(Path(release), Path(output))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    return {
        "seconds": round(time.perf_counter() - start, 2),
        "peak_mib": round(peak),
        "page_mb": round(Path(output).stat().st_size / 1e6, 2),
    }


def measure(pairs: int, folder: Path) -> dict:
    """Build a release of so many pairs, then write its page in a fresh process."""
    from komep_dataset.release.build import build

    release = folder / f"release-{pairs}"
    build([write_rows(folder / f"{pairs}.jsonl", pairs)], release)
    command = [sys.executable, "-m", "benchmarks.explorer", "--page", release, folder / f"{pairs}.html"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return {"pairs": pairs} | json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Parse the command line and print one line of JSON a size."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, nargs="+", default=[1, 5551, 50_000])
    parser.add_argument(
        "--folder", type=Path, help="where releases and pages are kept; default: a temporary folder"
    )
    parser.add_argument("--page", nargs=2, metavar=("RELEASE", "HTML"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.page:
        print(json.dumps(one_page(*arguments.page)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for pairs in arguments.pairs:
            print(json.dumps(measure(pairs, folder)), flush=True)


if __name__ == "__main__":
    main()
