"""The `datasets` builder of KoMeP: an importable class on every version, a loading script before version 4.

```python
from komep_dataset.komep import Komep

builder = Komep(config_name="ko", data_dir="komep")  # a folder that `komep build` wrote
builder.download_and_prepare()
pairs = builder.as_dataset(split="train")

load_dataset("komep_dataset/komep.py", data_dir="komep", trust_remote_code=True)  # datasets 3.x
load_dataset("ORG/komep", revision="script", trust_remote_code=True)  # 3.x, as published
```

Without `data_dir` it builds and reads the sample that ships with the package. As a loading script it must
stand alone: at the top it imports nothing but `datasets` and `pyarrow`, and it takes the columns from the
data files.
"""

import hashlib
import json
import tempfile
from contextlib import contextmanager
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq

try:
    from komep_dataset.errors import KomepError
except ImportError:  # a loading script, on a machine without the package
    KomepError = ValueError

# datasets 5.x orders tables by a key of two numbers; before that any value would do.
Key = getattr(datasets.builder, "Key", lambda file_index, batch_index: f"{file_index}_{batch_index}")

# Which state of the repository a loading script on the Hub reads; `komep publish` writes the release's tag
# here, so that the script, and with it the key of the cache, changes with the data.
REVISION = "main"
_DESCRIPTIONS = {
    "ko": "Preference pairs in Korean",
    "en": "Preference pairs in English",
    "scored": "Every scored generation with its units: the evidence behind each pair",
}
_SPLITS = ("train", "test")


class Komep(datasets.ArrowBasedBuilder):
    """Reads a release, whose columns are those of `schema.KoreanRow`, `ReleaseRow` and `ScoredGeneration`.

    Args:
        config_name: `ko` (default), `en` or `scored`.
        data_dir: a release folder; None = `base_path` if that is one, else the release on the Hub that this
            script lies beside, else the shipped sample.

    Raises `KomepError` if `data_dir` is no release, or the release has no rows in this config.
    """

    VERSION = datasets.Version("1.0.0")  # of this class, not of the data: a release has its hash
    BUILDER_CONFIGS = [  # noqa: RUF012, the name and type that `datasets` reads
        datasets.BuilderConfig(name=name, version="1.0.0", description=text)
        for name, text in _DESCRIPTIONS.items()
    ]
    DEFAULT_CONFIG_NAME = "ko"

    def __init__(self, *args, data_dir: str | None = None, hash: str | None = None, **kwargs):
        base = kwargs.get("base_path")
        self._folder = data_dir or (base if base and (Path(base) / "build.json").is_file() else None)
        self._repo = kwargs.get("repo_id")
        if not self._folder and self._repo and "/" not in self._repo:
            # datasets 3 found this script among its cached modules under the bare name; `install` is meant.
            kwargs["config_name"], hash = _installed(kwargs.get("cache_dir"), kwargs.get("config_name"))
        # The hash names the folder in the cache: it must follow the content, or a rebuild would not be seen.
        content = self._content()
        if content and hash != content:
            hash = f"{hash}-{content[:16]}" if hash else content
        super().__init__(*args, data_dir=data_dir, hash=hash, **kwargs)

    def _content(self) -> str | None:
        """The content hash of what will be read; None on the Hub: there the script's hash changes instead."""
        if self._folder:
            return _content_hash(Path(self._folder))
        if self._repo:
            return None
        with _package():
            from komep_dataset.samples import SAMPLE_INPUT
        return hashlib.sha256(SAMPLE_INPUT.read_bytes()).hexdigest()

    def _info(self) -> datasets.DatasetInfo:
        return datasets.DatasetInfo(description=_DESCRIPTIONS[self.config.name])

    def _split_generators(self, dl_manager) -> list[datasets.SplitGenerator]:
        sums, root = self._sums(dl_manager)
        files = {split: _data_files(sums, self.config.name, split) for split in _SPLITS}
        if not any(files.values()):
            there = [c for c in _DESCRIPTIONS if any(_data_files(sums, c, s) for s in _SPLITS)]
            raise KomepError(f"{root}: no rows in config {self.config.name!r} (it has {', '.join(there)})")
        paths = {split: [f"{root}/{name}" for name in names] for split, names in files.items() if names}
        if not self._folder:
            paths = dl_manager.download(paths)
        with open(next(iter(paths.values()))[0], "rb") as file:  # noqa: PTH123, streams
            self.info.features = self._features(pq.ParquetFile(file).schema_arrow)
        return [datasets.SplitGenerator(split, gen_kwargs={"files": names}) for split, names in paths.items()]

    def _sums(self, dl_manager) -> tuple[str, str]:
        """(text of SHA256SUMS, which names every file of the release; folder or address of the release)."""
        if not self._folder and not self._repo:
            self._sample = tempfile.TemporaryDirectory(prefix="komep-sample-")  # lives as long as the builder
            with _package():
                from komep_dataset.release.build import build

                self._folder = str(build([], Path(self._sample.name) / "komep").folder)
        if self._folder:
            return (Path(self._folder) / "SHA256SUMS").read_text("utf-8"), str(self._folder)
        root = f"hf://datasets/{self._repo}@{REVISION}"
        with open(dl_manager.download(f"{root}/SHA256SUMS"), encoding="utf-8") as file:  # noqa: PTH123
            return file.read(), root

    def _features(self, schema: pa.Schema) -> datasets.Features:
        if self.config.name == "ko" and "origin" not in schema.names:
            schema = schema.append(pa.field("origin", pa.string()))
        return datasets.Features.from_arrow_schema(schema.remove_metadata())

    def _generate_tables(self, files: list[str]):
        for file_index, name in enumerate(files):
            with open(name, "rb") as file:  # noqa: PTH123
                for batch_index, batch in enumerate(pq.ParquetFile(file).iter_batches()):
                    table = pa.Table.from_batches([batch])
                    if self.config.name == "ko" and "origin" not in table.column_names:  # schema 1
                        origin = pa.repeat(pa.scalar("translated"), len(table))
                        table = table.append_column(pa.field("origin", pa.string(), False), origin)
                    yield Key(file_index, batch_index), table


def _installed(cache_dir: str | None, config: str | None) -> tuple[str, str]:
    """(config, hash) of the release that `komep install` put into the cache, to be read from there."""
    root = Path(cache_dir or datasets.config.HF_DATASETS_CACHE).expanduser() / "komep"
    for name in [config] if config else _DESCRIPTIONS:
        found = [p for p in (root / name / str(Komep.VERSION)).glob("*") if p.name.isalnum()]
        if found:
            return name, max(found, key=lambda p: p.stat().st_mtime).name
    raise KomepError(f"no folder `komep` here and no such release installed in {root}; see `komep install`")


def _data_files(sums: str, config: str, split: str) -> list[str]:
    names = (line.partition("  ")[2] for line in sums.splitlines())
    return sorted(n for n in names if n.startswith(f"{config}/{split}-") and n.endswith(".parquet"))


def _content_hash(folder: Path) -> str:
    if not folder.is_dir():
        what = "is a file, no folder" if folder.exists() else "no such folder"
        raise KomepError(f"{folder}: {what}; `komep build` makes a release")
    try:
        return json.loads((folder / "build.json").read_text("utf-8"))["content_hash"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise KomepError(f"{folder}: not a KoMeP release ({type(error).__name__} in build.json)") from None


@contextmanager
def _package():
    """What is imported in the block comes from the package, without which there is no sample."""
    try:
        yield
    except ImportError as error:
        raise KomepError(
            f"the sample is built by the package komep, which is not installed here ({error}); "
            "give the folder of a release as data_dir"
        ) from None
