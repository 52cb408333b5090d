"""What stands between a business and its first payment: who it is, its cards and accounts, and its processor's word.

Owns identities, instruments, tokens, merchants, verifications, the review queue, underwriting forms, imports and the
hosted fields; and the calls and pages of applications, processors, users and profiles, whose rows belong to tenancy.
"""
