"""The cells of a matrix: what each one is, what defines it, what it shares, and in which order it is worth running."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluation.experiments.matrix import BASE, Matrix, Measure, Model, Variant
from komep_dataset.config.yaml_records import closest
from komep_dataset.errors import KomepError
from komep_dataset.schema import SUMS_FILE

CELLS, RELEASES = "cells", "releases"
MODEL = "model"  # folder of a trained model inside its cell


@dataclass(frozen=True, slots=True)
class Cell:
    """One training (none for base) and its evaluations; `config` is all that defines it."""

    name: str
    model: str
    method: str
    language: str  # of the training; "" for base
    seed: int | None
    variant: str
    config: Mapping[str, Any]
    folder: Path
    release: Path | str | None  # folder or Hub id that is trained on
    model_path: str  # the model that is evaluated: the base's path, or a folder that a training fills
    owner: str  # the cell whose folder holds the training; another one where an equal training exists
    outputs: Mapping[
        str, Path
    ]  # benchmark title -> folder of its evaluation, in the owner's folder if shared

    @property
    def digest(self) -> str:
        """SHA-256 of the config."""
        return digest(self.config)


def digest(value: Any) -> str:
    """SHA-256 of a JSON value."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file, or of a folder's files (names and contents)."""
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    total = hashlib.sha256()
    for one in files:
        total.update(str(one.relative_to(path)).encode() + b"\0" + one.read_bytes() + b"\0")
    return total.hexdigest()


def _model_identity(model: Model) -> dict[str, Any]:
    """Path, and for a folder what its config says and how large its weights are; reading gigabytes would be slow."""
    folder = Path(model.path)
    config = folder / "config.json"
    if not config.is_file():
        return {"path": model.path}
    weights = {p.name: p.stat().st_size for p in sorted(folder.glob("*.safetensors"))}
    return {"path": model.path, "config": file_digest(config), "weights": weights}


def _release_definition(matrix: Matrix, variant: Variant) -> dict[str, Any]:
    release = matrix.release_of(variant)
    if release.path is not None:
        sums = Path(release.path) / SUMS_FILE
        return {"path": release.path, **({"sums_sha256": file_digest(sums)} if sums.is_file() else {})}
    return {
        "scored": {name: file_digest(Path(name)) for name in release.scored} or "the shipped sample",
        "build": {**release.build, **variant.build},
    }


def _evaluations(matrix: Matrix, variant: Variant) -> dict[str, dict[str, Any]]:
    """For each benchmark, by title: its name and flags, and the content of its data file."""

    def one(measure: Measure) -> dict[str, Any]:
        flags = {**measure.flags(), **variant.evaluation}
        data = {"data_sha256": file_digest(Path(measure.data))} if measure.data else {}
        return {"benchmark": measure.name, "language": measure.language, "flags": flags, **data}

    return {measure.title: one(measure) for measure in matrix.benchmarks}


def _training(
    matrix: Matrix, variant: Variant, model: Model, method: str, language: str, seed: int
) -> dict[str, Any]:
    recipe = model.recipes / f"{method}.yaml"
    return {
        "recipe": str(recipe),
        "recipe_sha256": file_digest(recipe),
        "launch": str(matrix.launch),
        "launch_sha256": file_digest(matrix.launch),
        "processes": matrix.processes,
        "flags": {**matrix.recipe, **variant.recipe},
        "language": language,
        "seed": seed,
        "release": _release_definition(matrix, variant),
    }


def _coordinates(matrix: Matrix) -> Iterator[tuple[Variant, Model, str, str, int | None]]:
    """Every (variant, model, method, language, seed); a base has no language and no seed.

    A variant that does not change how models are asked needs no base of its own: the plain one is its base.
    """
    for variant in matrix.variants:
        models = [matrix.model(name) for name in variant.models]
        if BASE in variant.methods and (
            not variant.name or variant.evaluation or variant is matrix.variants[0]
        ):
            yield from ((variant, model, BASE, "", None) for model in models)
        for method in (m for m in variant.methods if m != BASE):
            for model in models:
                yield from (
                    (variant, model, method, language, seed)
                    for language in variant.languages
                    for seed in variant.seeds
                )


def cell_name(variant: str, model: str, method: str, language: str, seed: int | None) -> str:
    """`MODEL.base` or `MODEL.METHOD.LANGUAGE.seed-N`, and `.VARIANT` behind it where there is one."""
    parts = [
        model,
        method,
        *([language, f"seed-{seed}"] if seed is not None else []),
        *([variant] if variant else []),
    ]
    return ".".join(parts)


def make_cells(matrix: Matrix) -> list[Cell]:
    """All cells, in order of value: bases, then what completes a comparison, first seed before second."""
    owners: dict[str, str] = {}  # digest of a training, and of training + evaluation -> cell
    found = []
    for variant, model, method, language, seed in _coordinates(matrix):
        name = cell_name(variant.name, model.name, method, language, seed)
        trained = method != BASE
        training = _training(matrix, variant, model, method, language, seed) if trained else None
        identity, evaluations = _model_identity(model), _evaluations(matrix, variant)
        key = digest([identity, method, training])
        owner = owners.setdefault(key, name)
        folder = matrix.results / CELLS / name
        outputs = {
            title: matrix.results / CELLS / owners.setdefault(digest([key, title, one]), name) / title
            for title, one in evaluations.items()
        }
        release = _release_folder(matrix, variant) if trained else None
        found.append(
            Cell(
                name=name,
                model=model.name,
                method=method,
                language=language,
                seed=seed,
                variant=variant.name,
                config={
                    "model": identity,
                    "method": method,
                    **({"training": training} if training else {}),
                    "evaluations": evaluations,
                },
                folder=folder,
                release=release,
                model_path=str(matrix.results / CELLS / owner / MODEL) if trained else model.path,
                owner=owner,
                outputs=outputs,
            )
        )
    return sorted(found, key=lambda cell: _value(matrix, cell))


def _release_folder(matrix: Matrix, variant: Variant) -> Path | str:
    if (path := matrix.release_of(variant).path) is not None:
        return path
    return matrix.results / RELEASES / digest(_release_definition(matrix, variant))[:12]


def _value(matrix: Matrix, cell: Cell) -> tuple[int, ...]:
    """What comes first: bases (every comparison needs them), then the first seed of everything, plain variant first."""
    variants = [v.name for v in matrix.variants]
    if cell.method == BASE:
        return (0, variants.index(cell.variant), [m.name for m in matrix.models].index(cell.model))
    return (
        1,
        matrix.seeds.index(cell.seed),
        variants.index(cell.variant),
        matrix.methods.index(cell.method),
        matrix.languages.index(cell.language),
        [m.name for m in matrix.models].index(cell.model),
    )


def base_of(cells: Sequence[Cell], cell: Cell) -> Cell | None:
    """The base that a cell is compared with: of its own variant, else the first of its model."""
    bases = [c for c in cells if c.method == BASE and c.model == cell.model]
    return next((c for c in bases if c.variant == cell.variant), bases[0] if bases else None)


def choose(cells: Sequence[Cell], names: Sequence[str]) -> list[Cell]:
    """The cells of these names, in order of value; all of them where there are none.

    Raises `KomepError` (exit code 2) for an unknown name, with the nearest known one.
    """
    known = [cell.name for cell in cells]
    for name in names:
        if name not in known:
            near = closest(name, known)
            raise KomepError(
                f"--only {name}: no such cell; did you mean {near}? --plan lists all", exit_code=2
            )
    return [cell for cell in cells if not names or cell.name in names]
