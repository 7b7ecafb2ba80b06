"""Selection: uncertainty, embeddings, diversity, strategies, oracles, rounds.

Holds no web code.
"""
