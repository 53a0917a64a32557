"""How a device comes into service, and how a community's records come in from files. Pure."""
