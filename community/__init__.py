"""What every process of the energy community stands on: a pure core, and shell packages over it (store, clients, runtime)."""
