"""Every prompt that a model is given.

A question, an answer or a statement enters, the messages that are sent leave. `english` and `korean` hold the wording,
name by name the same; `messages` puts a text into the wording of its language, fenced in as data; `formats` lays it
out for models without a chat template.
"""
