"""What stands between a business and its first payment: applications' calls and pages, identities, profiles.

Owns identities, and the calls and pages of applications, processors, users and profiles, whose rows belong to tenancy.
"""
