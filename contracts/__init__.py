"""The contracts: sources, compiled artifacts, and the encoding of calls to them and logs from them."""
