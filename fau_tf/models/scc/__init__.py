"""Semantic correspondence convolution: EdgeConv over feature channels."""
