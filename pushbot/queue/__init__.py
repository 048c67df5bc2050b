"""The rules of the queue, pure: values in, values out; no clock, no I/O, standard library only."""
