import type { CodegenConfig } from "@graphql-codegen/cli";

/** Only the operations' types: what the page does not ask for may change without touching these files. */
const config: CodegenConfig = {
  schema: "../api/schema.graphql",
  documents: ["src/**/*.{ts,tsx}", "!src/graphql/**"],
  ignoreNoDocuments: true,
  generates: {
    "src/graphql/": {
      preset: "client",
      presetConfig: { fragmentMasking: false },
      config: {
        documentMode: "string",
        enumsAsTypes: true,
        useTypeImports: true,
        strictScalars: true,
        scalars: {
          Address: "string",
          Amount: "string",
          Counter: "number",
          Cursor: "string",
          Date: "string",
          DateTime: "string",
          Hash: "string",
          Hex: "string",
          PageSize: "number",
          WattHours: "number",
        },
      },
    },
  },
};

export default config;
