"""Runs: parameters, plan, execution, receipts and what makes them stale."""
