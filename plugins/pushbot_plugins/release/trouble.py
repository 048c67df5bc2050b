"""What can go wrong with a release."""


class ReleaseError(Exception):
    """An expected trouble of the outside world, in one sentence that says what to do."""
