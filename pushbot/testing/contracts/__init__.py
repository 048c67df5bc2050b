"""Contract suites: what every implementation of a port has to do, as tests to subclass."""
