"""Copies of the whole database: made while it is written to, verified before they count, and put back."""
