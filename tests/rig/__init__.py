"""What the tests run against: a real IRC server and people with raw sockets."""
