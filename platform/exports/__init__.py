"""Lists and reports as files: CSV and XLSX, streamed at once when short, written in the background when long.

An upper app declares which list has which columns; who sees which rows is the list's own business.
"""
