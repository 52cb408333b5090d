"""The embedded sandbox: a provider that answers without a network, with test values, a clock, and faults on demand.

It is another house: its state lies in tables of its own, which nobody else reads, and it is reached through the port.
What is written here of a card is what a provider may tell of it; numbers, security codes and tax ids are kept nowhere.
"""
