"""What only notebooks use: the cases, recipes, tables and pictures of each study, and both sides of what they record.

Modules are named for the part of the book that they serve; nothing below this package knows a notebook.
"""
