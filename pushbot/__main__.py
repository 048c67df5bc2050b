"""`python -m pushbot` is the same as `pushbot`."""

from pushbot.cli import main

main(prog_name="pushbot")
