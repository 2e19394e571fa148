"""What several tests share: small models, small runs, files on disk, and processes that can be stopped."""
