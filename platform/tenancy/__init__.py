"""Applications, people, API users, roles and processors, and who may see what. Not: merchants and their identities."""
