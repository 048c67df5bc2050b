"""Every word the bot says in chat, one function a message: `news` of events, `refusals`, and `answers` to questions.

Blameless in tone: it says what happened and what helps. A line never starts with a dot, so that no
bot takes it for a command, and no text of a person stands in it without having been cleaned on its way in.
"""
