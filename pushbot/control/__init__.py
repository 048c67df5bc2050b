"""The bot's door for its own machine: a Unix socket beside the store, through which `pushbot stage` asks for a run.

What comes in by it goes through the same mailboxes and rules as what people say in a chat. `wire.py` are the words
that cross it, `server.py` is the bot's side and `client.py` the command line's.
"""
