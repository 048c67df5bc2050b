"""What comes in from Slack, kept for good before Slack is told that it came.

`link` keeps the socket, `envelopes` says what of it matters, `inbox` writes that down and gives it on in order;
`dispatch` has Bolt sort it and makes of it what the bot is told, with `spoken`, `mrkdwn` and `user_lookup`; `entering`
gets into the rooms, `user_list` learns who is there.
"""
