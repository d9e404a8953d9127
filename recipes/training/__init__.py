"""What stands around the steps of training, by what a run does with it.

`flags.py` parses and checks the command line, `startup.py` runs a recipe's `main`.
`base_model.py` loads model and tokenizer, `pairs.py` the pairs; `unfit.py` leaves out those that are too long or faulty.
`output_folder.py` guards folder and disk; `run_record.py` writes run.json and the summary, and checks them on resume;
`checkpoints.py` says which checkpoint a run goes on from. `model_card.py`, `curves.py` and `answers.py` are what people
look at afterwards.
"""
