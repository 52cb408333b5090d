"""What we ask of a payment provider and what it answers: the port, attempts and their resolver, the providers.

It owns the attempts, not what they are about: that is copied by the app whose resource it is.
"""
