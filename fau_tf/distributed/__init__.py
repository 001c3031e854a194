"""The same work on many machines: jobs of shards for Ray Data. Nothing here is needed on one."""
