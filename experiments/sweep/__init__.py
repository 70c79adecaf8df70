"""Many runs of one question: checkpoints × seeds × framings × item files, and what follows their axis."""
