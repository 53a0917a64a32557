"""A contract for import-linter: libraries that only named modules may import."""

import grimp
from importlinter import ContractCheck
from importlinter.contracts.protected import ProtectedContract


class SpokenOnlyInContract(ProtectedContract):
    """Like ``protected``, but content with a library that nobody imports yet.

    ``protected`` stops with an error when the protected module is not in the graph; a rule must stand before the first
    import, and after the last one is gone.
    """

    type_name = "spoken_only_in"

    def check(self, graph: grimp.ImportGraph, verbose: bool) -> ContractCheck:
        for protected in self.protected_modules:  # type: ignore[attr-defined]
            name = protected.expression
            if not protected.has_wildcard_expression() and name not in graph.modules:
                graph.add_module(name, is_squashed=True)
        return super().check(graph, verbose)
