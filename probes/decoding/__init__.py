"""What a model writes: batched greedy or sampled decoding."""
