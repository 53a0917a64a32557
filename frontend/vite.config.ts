import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react()],
  build: {
    target: "es2022",
    // Inlined files would be data: addresses, which the page's policy allows for nothing.
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    // Which files a view needs: tests/e2e/test_web_weight.py weighs them.
    manifest: true,
    chunkSizeWarningLimit: 700,
  },
  server: {
    proxy: {
      "/graphql": { target: "http://127.0.0.1:8000", ws: true },
      "/config.json": "http://127.0.0.1:8000",
      "/evidence/": "http://127.0.0.1:8000",
    },
  },
});
