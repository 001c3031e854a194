"""Glasses, hair and hands in front of the face."""
