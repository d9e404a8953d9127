"""An evaluation on its model's page on the Hub: results go in, one commit to the model's repository comes out.

`card.py` changes the model-index of a card and leaves every other line; `publishing.py` knows what may be published
and as what, and merges it with what others wrote. The calls themselves are `komep_dataset.hub.client`'s.
"""
