"""Shared by all tests."""

from hypothesis import settings

# The same examples at every run, on machines however slow: a failure here is a failure everywhere.
settings.register_profile("fixed", derandomize=True, deadline=None)
settings.load_profile("fixed")
