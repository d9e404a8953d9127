"""A model on this machine, by transformers: token ids of one subject's prompts go in, replies and logits come out.

`loading.py` takes safetensors alone and no code, `generation.py` plans batches and ends replies, `rows.py` lays prompts
out and drops rows that have ended, `shared_prefix.py` is the attention to one copy of what all prompts share.
"""
