"""Benchmarks and backends by their names: a file in the package is one, and its own name is what a user types.

A further one is a file that declares it, and nothing else; it is imported when it is chosen, and not before.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules
from typing import Any


class Registry(Mapping[str, Any]):
    """What the modules of a package declare under `attribute`, by the modules' names with `-` for `_`.

    `first` are the names with which a list of them begins; the others follow in order.
    """

    def __init__(self, package: str, attribute: str, first: tuple[str, ...] = ()):
        self._package, self._attribute = package, attribute
        places = find_spec(package).submodule_search_locations
        found = {module.name.replace("_", "-") for module in iter_modules(places) if not module.ispkg}
        self._names = (*(name for name in first if name in found), *sorted(found - {*first}))

    def __getitem__(self, name: str) -> Any:
        if name not in self._names:
            raise KeyError(name)
        return getattr(import_module(f"{self._package}.{name.replace('-', '_')}"), self._attribute)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names


BENCHMARKS = Registry("evaluation.benchmarks", "BENCHMARK", ("kormedmcqa", "kormedmcqa-sample", "medqa"))
BACKENDS = Registry("evaluation.backends", "open_backend", ("transformers", "vllm", "openai"))
