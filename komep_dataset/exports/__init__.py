"""`komep export`: the pairs of a release as other trainers read them; every module that declares `FORMAT` is one format."""
