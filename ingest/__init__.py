"""Takes frames in from brokers and network servers, judges them and stores what holds. Acknowledges after commit."""
