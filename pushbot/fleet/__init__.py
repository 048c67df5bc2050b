"""Hosts as values: which there are, which a stage means, in what order and number they are deployed to. Pure."""
