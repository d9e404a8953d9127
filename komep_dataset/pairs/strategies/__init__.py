"""Rules of `komep build --pairs`, a file a rule: a module that declares a `RULE` is one, and nothing lists it.

docs/pairs.md says where each comes from, and what it costs in pairs.
"""
