"""Benchmarks and backends by their names: a file in the package is one, and its own name is what a user types.

A further one is a file that declares it, and nothing else; it is imported when it is chosen, and not before.
"""

from importlib.util import find_spec
from pkgutil import iter_modules


def modules_of(package: str, first: tuple[str, ...]) -> dict[str, str]:
    """Name (with `-` for `_`) -> module of each module in a package: `first` as given, then the others in order."""
    places = find_spec(package).submodule_search_locations
    found = {m.name.replace("_", "-"): f"{package}.{m.name}" for m in iter_modules(places) if not m.ispkg}
    names = (*(name for name in first if name in found), *sorted(found.keys() - {*first}))
    return {name: found[name] for name in names}


# A module of the first declares `BENCHMARK`, one of the second has `open_backend`.
BENCHMARKS = modules_of("evaluation.benchmarks", ("kormedmcqa", "kormedmcqa-sample", "medqa"))
BACKENDS = modules_of("evaluation.backends", ("transformers", "vllm", "openai"))
