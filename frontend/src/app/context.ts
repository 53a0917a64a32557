import { createContext } from "react";
import type { Config } from "./config.ts";

export const ConfigContext = createContext<Config>({
  community: "",
  zone: "UTC",
  explorer: null,
  oidc: null,
  wallet: false,
});
