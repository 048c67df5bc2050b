"""Lists of hosts that are kept somewhere: in the configuration, a file, what a command prints, at a URL, in DNS.

How lists are written is said in pushbot/fleet/listing.py. `labels` of an inventory are added to each of its
hosts, where the host does not say otherwise.
"""
