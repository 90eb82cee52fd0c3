"""Asking a model: a prompt goes in, a stored, paid reply comes out.

prompt.py      what a stage asks, and `Ask`, the only thing a stage knows of the outside
request.py     the request key: every field that can change the reply
wire.py        the OpenAI-compatible body, and how a raw reply is read
client.py      the one place that sends; litellm_client.py for paid APIs
streaming.py   a streamed reply, put together from its events
served.py      whether the reply comes from the model that was asked
retry.py       the one retry table
prices.py      the dated price table
engine*.py     models that a run serves for itself: engine.py is the description, engine_watch.py the keeper
asker.py       store, log, send, log again: the one way to ask
batch_lane.py  half price within a day; batch_file.py and batch_api.py for what is sent
structured.py  answers of a schema: read strictly, re-asked once
template.py    prompt files
rehearsal/     the models that ship with the project
"""
