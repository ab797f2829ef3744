"""Other ways to train the same cells: one file each, with a function `train(task) -> Outcome`. The list is in peers.py."""
