"""From scored generations to pairs.

Rows of scored generations enter, the pairs of `en` and `ko` and the reason of every question without one
leave. `generations` reads them and holds what a row must satisfy and the split rule, `candidates` the rules of
`--pairs` (each a registered function), `rules` tie-breaks, margins and `derive`, the one way for build and verify;
`options` is what a build may be told.
"""
