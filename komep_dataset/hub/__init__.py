"""A release to people: on the Hugging Face Hub (`komep publish`) and in the cache of `datasets` (`komep install`).

A release folder goes in; one commit and a tag on the Hub, or a prepared dataset in the cache, comes out. `publish.py`
plans and sends, `card_merge.py` keeps what people wrote on the card, `changelog.py` numbers versions and says what
each holds, `leaks.py` finds secrets, `client.py` makes the calls, also for models (`evaluation/model_page`).
"""
