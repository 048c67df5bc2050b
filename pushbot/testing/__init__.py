"""The public kit for tests: fakes for every port, a clock driven by hand, contract suites."""
