"""PostgreSQL and Valkey out of Python wheels, for a demo, for development and for the tests.

Nothing here knows Django, so that a test run can have its servers before the settings are read.
"""
