"""What the bench of settlement needs: a plant with books, chain, broker and signer, and a sender as tutorials teach it."""
