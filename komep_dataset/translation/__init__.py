"""English texts in, checked Korean ones out.

`stage` is `komep translate`: which texts of a table need their Korean, the table and its evidence. `translator` asks,
has every reply checked and asks once more; `segments` cuts a long text into pieces and lays a translation out like its
source; `seq2seq` is a model in this process; `glossary` says which Korean a term may have. `checks/` holds what a
translation must keep, read by `numbers` and `units`, `latin_words` and `sentence_ends`.
"""
