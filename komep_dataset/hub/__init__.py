"""`komep publish` and `komep install`: a release on the Hugging Face Hub, and in the cache of `datasets`."""
