"""How well `--estimate` guesses tokens where no tokenizer is at hand: the guess against real tokenizers, on real texts.

    python -m benchmarks.token_guess TOKENIZER.json ...

A file is one of Hugging Face's `tokenizer.json` or, with tiktoken installed, one of Mistral's `tekken*.json`; the wheels `anthropic` (0.38) and
`mistral-common` hold one each. Prints the guess divided by the count: above 1 the estimate is too high.
"""

import argparse
import base64
import csv
import json
from collections.abc import Callable
from pathlib import Path

from komep_dataset.pipeline.tokens import guessed_tokens
from tests.real_data import DATA

LINES = 1000  # of each material


def materials(data: Path) -> dict[str, list[str]]:
    news = {
        name: (data / "ntrex_en_ko" / file).read_text("utf-8").split("\n")[:LINES]
        for name, file in (
            ("English news", "newstest2019-src.eng.txt"),
            ("Korean news", "newstest2019-ref.kor.txt"),
        )
    }
    exams: list[str] = []
    for file in sorted((data / "kormedmcqa").glob("*/*test*.csv")):
        with file.open(encoding="utf-8", newline="") as stream:
            exams += [row["question"] for row in csv.DictReader(stream)][: LINES // 4]
    with (data / "dahl" / "questions.csv").open(encoding="utf-8", newline="") as stream:
        asked = [row["question"] for row in csv.DictReader(stream)][:LINES]
    return news | {"English exams": asked, "Korean exams": exams}


def counter(file: Path) -> Callable[[str], int]:
    """How a tokenizer counts."""
    content = json.loads(file.read_text("utf-8"))
    if "vocab" not in content:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(file))
        return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)
    import tiktoken

    config = content["config"]
    words = content["vocab"][: config["default_vocab_size"] - config["default_num_special_tokens"]]
    ranks = {base64.b64decode(word["token_bytes"]): word["rank"] for word in words}
    encoding = tiktoken.Encoding(
        file.stem, pat_str=config["pattern"], mergeable_ranks=ranks, special_tokens={}
    )
    return lambda text: len(encoding.encode(text, disallowed_special=()))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tokenizers", type=Path, nargs="+")
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the real material")
    arguments = parser.parse_args()
    if not (arguments.data / "ntrex_en_ko").is_dir():
        parser.error(f"{arguments.data}: the real material is not here; name its folder with --data")
    for file in arguments.tokenizers:
        count = counter(file)
        for name, texts in materials(arguments.data).items():
            real = sum(map(count, texts))
            print(
                f"{file.parent.name}/{file.name:<22}{name:<16}{sum(map(len, texts)) / real:>6.2f} characters a token  "
                f"guess / count {sum(map(guessed_tokens, texts)) / real:.2f}"
            )


if __name__ == "__main__":
    main()
