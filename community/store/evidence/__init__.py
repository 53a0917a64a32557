"""Evidence bundles out of the books, in the order of their lines, without ever holding a whole one."""
