"""The Ray cluster that a sweep runs on: join or start it, its limits, and what is cleaned up behind it."""
