"""Transfers and the ledger that says where every cent went.

It owns movements of money and their postings; it does not know what a movement costs, only what it is worth.
"""
