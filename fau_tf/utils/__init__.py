"""Helpers without a domain: files, JSON, text, the console, optional libraries."""
