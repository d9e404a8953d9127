"""From scored generations to pairs; `komep.pairs(rows)` is `komep.make_pairs(rows)`.

Rows of scored generations enter, the pairs of `en` and `ko` and the reason of every question without one
leave. `generations` reads them and holds what a row must satisfy and the split rule, `utility` what an answer is worth,
`candidates` what a rule of `--pairs` is (`strategies/` has a file a rule), `rules` margins and `derive`, the one way for
build and verify; `options` is what a build may be told, `settling` what of it is left to the data, `told` how it is told.
"""

import sys
from importlib import import_module
from types import ModuleType


class _Called(ModuleType):
    """This package as a function: whoever types `komep.pairs` means the pairs of some rows."""

    def __call__(self, *args, **options):
        return import_module("komep_dataset").make_pairs(*args, **options)

    @property
    def __signature__(self):
        return import_module("komep_dataset").make_pairs.__signature__


sys.modules[__name__].__class__ = _Called
