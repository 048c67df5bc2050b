"""How fast pushbot is, beside peers and floors measured in the same run; `make bench` runs it all.

`run.py` is where to begin; `topic`, `crowd`, `mailbox`, `process` and `apply` each measure one thing in
`measure()`; `rig` holds the server, the bots and the people, `report` makes figures readable.
"""
