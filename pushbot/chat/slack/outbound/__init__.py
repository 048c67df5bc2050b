"""What goes out to Slack, each place in a queue of its own, at Slack's pace, nothing twice.

`writer` hands it to who does it (`conversations`, by the tasks of `workers`). `talk` says lines that wait in an
`outbox`, `ephemeral` those for one person; `topic`, `reconciler` and `homes` keep what is shown; `snippets` sends the
ends of logs. `message_index` and `history` know what stands there already.
"""
