// The frame around a signed-in person's views, and which views those are.

import { lazy, Suspense, useEffect } from "react";
import { graphql } from "../graphql/gql.ts";
import type { ViewerQuery } from "../graphql/graphql.ts";
import { useAsk, useConnectionState } from "../live/hooks.tsx";
import { Trouble, Waiting } from "../pieces/shown.tsx";
import { useSpeech } from "../words/language.tsx";
import { Frame } from "./Frame.tsx";

const VIEWER = graphql(`query Viewer { viewer { role label identity { __typename id name } } }`);

export type Viewer = ViewerQuery["viewer"];

const VIEWS: Record<string, ReturnType<typeof lazy<(props: { frame: FrameProps }) => React.ReactNode>>> = {
  member: lazy(() => import("../member/Member.tsx")),
  operator: lazy(() => import("../operator/Operator.tsx")),
  auditor: lazy(() => import("../auditor/Auditor.tsx")),
};

export interface FrameProps {
  viewer: Viewer;
  onSignOut(): void;
}

export function Signed({ onSignOut, onRefused }: { onSignOut(): void; onRefused(): void }) {
  const { words } = useSpeech();
  const state = useConnectionState();
  const viewer = useAsk(VIEWER, {});
  useEffect(() => {
    if (state === "refused") onRefused();
  }, [state, onRefused]);
  const who = viewer.data?.viewer;
  const View = who && VIEWS[who.role];
  if (!who || !View) {
    return (
      <Frame viewer={who ?? null} onSignOut={onSignOut} nav={[]}>
        {who ? (
          <p className="empty">{words.signIn.noDevice}</p>
        ) : viewer.error ? (
          <Trouble error={viewer.error} retry={() => viewer.refetch()} />
        ) : (
          <Waiting rows={6} />
        )}
      </Frame>
    );
  }
  return (
    <Suspense
      fallback={
        <Frame viewer={who} onSignOut={onSignOut} nav={[]}>
          <Waiting rows={6} />
        </Frame>
      }
    >
      <View frame={{ viewer: who, onSignOut }} />
    </Suspense>
  );
}
