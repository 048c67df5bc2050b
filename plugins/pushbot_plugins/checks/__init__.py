"""The checks that come with the bot: what looks at a change before it goes to a stage.

Each is a `Check` of `pushbot.ports` and comes in by its name in the configuration; docs/checks.md is about them.
"""
