"""Hosted fields: the library for partners' pages, the frames it puts into them, and a page that shows them at work.

What is typed into a frame never reaches the page around it (docs/hosted-fields.md). No session, no cookie, no database.
"""
