"""The book: pages from runs, the ledger of claims, and the checks of the rendered site."""
