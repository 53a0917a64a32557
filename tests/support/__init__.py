"""What several tests share: fakes, builders and private servers."""
