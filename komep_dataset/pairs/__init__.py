"""From scored generations to pairs.

Rows of scored generations enter, the pairs of `en` and `ko` and the reason of every question without one
leave. `generations` holds what a row must satisfy, `candidates` the rules of `--pairs` (each a registered
function), `rules` tie-breaks, margins and splits, `options` what a build may be told; `derivation` is the
one way for build and verify, `reading` takes generations from files.
"""
