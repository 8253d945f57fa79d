"""The transparency log: commitments to what this node says, checkpoints that others cosign, and proofs about them."""
