"""What differs inside two models: exchanged layers, cross-model patching, similarity of streams, probe transfer."""
