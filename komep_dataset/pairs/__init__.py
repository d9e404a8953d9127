"""From scored generations to pairs.

Rows of scored generations enter, the pairs of `en` and `ko` and the reason of every question without one
leave. `generations` reads them and holds what a row must satisfy and the split rule, `utility` what an answer is worth,
`candidates` what a rule of `--pairs` is (`strategies/` has a file a rule), `rules` margins and `derive`, the one way for
build and verify; `options` is what a build may be told, `settling` what of it is left to the data, `told` how it is told.
"""
