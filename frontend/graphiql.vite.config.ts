import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// GraphiQL for developers: a page of its own, which the API serves in development only and nginx never.
export default defineConfig({
  root: "graphiql",
  base: "/graphiql/",
  plugins: [react()],
  build: {
    outDir: "../dist-graphiql",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    chunkSizeWarningLimit: 3000,
  },
  server: { proxy: { "/graphql": { target: "http://127.0.0.1:8000", ws: true } } },
});
