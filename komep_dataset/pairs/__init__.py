"""From scored generations to pairs: input rules, which answers pair, one derivation for build and verify."""
