"""`pipeline.yaml` as a `Config`.

What enters: a YAML file, which `yaml_records` reads into dataclasses; a mistake is named by file and key, with the
nearest key that there is. `config` says what the file may hold: who is asked, how, and where the work lies; `selection`
how pairs are chosen; `presets` what is known of the models that answer in the paper.
"""
