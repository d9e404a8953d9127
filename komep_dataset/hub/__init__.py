"""A release to people: on the Hugging Face Hub (`komep publish`), in the cache of `datasets` (`komep install`), in Python.

A release folder goes in; one commit and a tag on the Hub, a prepared dataset in the cache, or rows come out. `publish.py`
plans and sends, `card_merge.py` keeps what people wrote on the card, `changelog.py` numbers versions and says what each
holds, `leaks.py` finds secrets; `install.py`; `load.py`; `client.py` makes the calls, for models too (`evaluation`).
"""
