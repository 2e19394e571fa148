"""What a training can have besides its step, each in a file of its own and known to the trainer by one protocol."""
