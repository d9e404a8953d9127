"""The `datasets` builder of KoMeP as an importable class (tested on datasets 5).

```python
from komep_dataset.komep import Komep

builder = Komep(config_name="ko", data_dir="komep")  # a folder that `komep build` wrote
builder.download_and_prepare()
pairs = builder.as_dataset(split="train")
```

Without `data_dir` it builds and reads the sample that ships with the package.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq

from komep_dataset import __version__
from komep_dataset.build import build, sample_input
from komep_dataset.errors import KomepError
from komep_dataset.release import RECORDS, data_files, file_sha256, read_facts
from komep_dataset.schema import CONFIGS, SPLITS, arrow_schema

# datasets 5.x orders tables by a key of two numbers; before that any value would do.
Key = getattr(datasets.builder, "Key", lambda file_index, batch_index: f"{file_index}_{batch_index}")

_DESCRIPTIONS = {
    "ko": "Preference pairs in Korean",
    "en": "Preference pairs in English",
    "scored": "Every scored generation with its units: the evidence behind each pair",
}


class Komep(datasets.ArrowBasedBuilder):
    """Reads a release folder, whose columns are those of `schema.ReleaseRow` and `schema.ScoredGeneration`.

    Args:
        config_name: `ko` (default), `en` or `scored`.
        data_dir: a release folder; None = the shipped sample.

    Raises `KomepError` if `data_dir` is no release, or the release has no rows in this config.
    """

    BUILDER_CONFIGS = [  # noqa: RUF012, the name and type that `datasets` reads
        datasets.BuilderConfig(name=name, version=__version__, description=_DESCRIPTIONS[name])
        for name in CONFIGS
    ]
    DEFAULT_CONFIG_NAME = CONFIGS[0]

    def __init__(self, *args, data_dir: str | None = None, hash: str | None = None, **kwargs):
        # The hash names the folder in the cache: it must follow the content, or a rebuild would not be seen.
        content = read_facts(Path(data_dir))["content_hash"] if data_dir else file_sha256(sample_input())
        if hash != content:
            hash = f"{hash}-{content[:16]}" if hash else content
        super().__init__(*args, data_dir=data_dir, hash=hash, **kwargs)

    def _info(self) -> datasets.DatasetInfo:
        schema = arrow_schema(RECORDS[self.config.name])
        return datasets.DatasetInfo(
            description=_DESCRIPTIONS[self.config.name],
            features=datasets.Features.from_arrow_schema(schema),
        )

    def _split_generators(self, dl_manager) -> list[datasets.SplitGenerator]:
        folder = Path(self.config.data_dir) if self.config.data_dir else self._sample_release()
        rows = read_facts(folder)["rows"]
        if self.config.name not in rows:
            raise KomepError(f"{folder}: no rows in config {self.config.name!r} (it has {', '.join(rows)})")
        return [
            datasets.SplitGenerator(split, gen_kwargs={"files": data_files(folder, self.config.name, split)})
            for split in SPLITS
            if rows[self.config.name][split]
        ]

    def _sample_release(self) -> Path:
        self._sample = tempfile.TemporaryDirectory(prefix="komep-sample-")  # lives as long as the builder
        return build([], Path(self._sample.name) / "komep").folder

    def _generate_tables(self, files: list[Path]):
        for file_index, file in enumerate(files):
            for batch_index, batch in enumerate(pq.ParquetFile(file).iter_batches()):
                yield Key(file_index, batch_index), pa.Table.from_batches([batch])
