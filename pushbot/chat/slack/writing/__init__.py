"""What goes out to Slack, each place in a queue of its own, at Slack's pace, nothing twice.

`writer` hands it to who does it (`presence`, by the tasks of `crew`). `talk` says lines that wait in an `outbox`,
`whisper` those for one person; `topic`, `wall` and `homes` keep what is shown; `snippets` sends the ends of logs.
`places` and `lookback` know what stands there already.
"""
