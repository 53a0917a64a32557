// The page from its first paint: settings, session, then the views of the person's role.

import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useState } from "react";
import { Connection } from "../live/connection.ts";
import { LineContext } from "../live/hooks.tsx";
import { Speaking } from "../words/language.tsx";
import { type Config, loadConfig } from "./config.ts";
import { ConfigContext } from "./context.ts";
import { Offline } from "./Offline.tsx";
import { Signed } from "./Signed.tsx";
import { presentSession, type Session } from "./session.ts";
import { theme } from "./theme.ts";
import { Unsigned } from "./Unsigned.tsx";

const AGAIN_MS = 2000;
const FRESH_MS = 10_000;
/** Codes after which asking again changes nothing. */
const SETTLED = new Set(["UNAUTHENTICATED", "FORBIDDEN", "BAD_REQUEST", "TOO_COSTLY"]);

function newCache(onEnded: () => void): QueryClient {
  const cache = new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: FRESH_MS,
        // The connection's own state decides, not the browser's guess about the network.
        networkMode: "always",
        retry: (failures, error) => failures < 4 && !SETTLED.has((error as { code?: string }).code ?? ""),
        retryDelay: (tries) => Math.min(8000, 500 * 2 ** tries),
      },
    },
  });
  cache.getQueryCache().subscribe((event) => {
    const error = event.query.state.error as { code?: string } | null;
    if (event.type === "updated" && error?.code === "UNAUTHENTICATED") onEnded();
  });
  return cache;
}

interface Start {
  config: Config;
  session: Session | null;
}

/** Settings and session; while the API cannot be reached it is asked again. */
function useStart() {
  const [start, setStart] = useState<Start | "waiting" | "offline">("waiting");
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>;
    const begin = () => {
      loadConfig()
        .then(async (config) => setStart({ config, session: await presentSession(config).catch(() => null) }))
        .catch(() => {
          setStart("offline");
          timer = setTimeout(begin, AGAIN_MS);
        });
    };
    begin();
    return () => clearTimeout(timer);
  }, []);
  return [start, setStart] as const;
}

function SignedIn({ session, onEnd }: { session: Session; onEnd(ended: boolean): void }) {
  const cache = useMemo(() => newCache(() => onEnd(true)), [onEnd]);
  const [line, setLine] = useState<{ session: Session; connection: Connection } | null>(null);
  useEffect(() => {
    const connection = new Connection(session.credential, () => void cache.invalidateQueries());
    setLine({ session, connection });
    return () => connection.close();
  }, [session, cache]);
  if (!line) return null;
  return (
    <QueryClientProvider client={cache}>
      <LineContext value={line}>
        <Signed onSignOut={() => onEnd(false)} onRefused={() => onEnd(true)} />
      </LineContext>
    </QueryClientProvider>
  );
}

export function App() {
  const [start, setStart] = useStart();
  const [ended, setEnded] = useState(false);
  const end = useCallback(
    (unasked: boolean) => {
      setEnded(unasked);
      setStart((now) => {
        if (typeof now === "string") return now;
        void (unasked ? now.session?.end() : now.session?.signOut());
        return { ...now, session: null };
      });
    },
    [setStart],
  );
  const config = typeof start === "string" ? null : start.config;
  return (
    <MantineProvider theme={theme} defaultColorScheme="auto">
      <Speaking zone={config?.zone ?? "UTC"}>
        {typeof start === "string" ? (
          start === "offline" && <Offline />
        ) : (
          <ConfigContext value={start.config}>
            {start.session ? (
              <SignedIn session={start.session} onEnd={end} />
            ) : (
              <Unsigned ended={ended} onSession={(session) => setStart({ ...start, session })} />
            )}
          </ConfigContext>
        )}
      </Speaking>
    </MantineProvider>
  );
}
