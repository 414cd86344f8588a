"""Steps and walks: the unit of training, its training, and the results of a walk along an order."""
