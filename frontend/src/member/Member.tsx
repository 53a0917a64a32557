// A member's views.

import { lazy, Suspense } from "react";
import { Route, Switch } from "wouter";
import { Frame } from "../app/Frame.tsx";
import { NotFound } from "../app/NotFound.tsx";
import type { FrameProps } from "../app/Signed.tsx";
import { Waiting } from "../pieces/shown.tsx";
import { useWords } from "../words/language.tsx";
import * as member from "../words/member.ts";
import { Overview } from "./Overview.tsx";

const Energy = lazy(() => import("./Energy.tsx"));
const Credits = lazy(() => import("./Credits.tsx"));
const Shares = lazy(() => import("./Shares.tsx"));
const Wallet = lazy(() => import("./Wallet.tsx"));

export default function Member({ frame }: { frame: FrameProps }) {
  const { nav } = useWords(member);
  return (
    <Frame
      {...frame}
      nav={[
        { path: "/", name: nav.overview },
        { path: "/energy", name: nav.energy },
        { path: "/credits", name: nav.credits },
        { path: "/shares", name: nav.shares },
        { path: "/wallet", name: nav.wallet },
      ]}
    >
      <Suspense fallback={<Waiting rows={6} />}>
        <Switch>
          <Route path="/">
            <Overview viewer={frame.viewer} />
          </Route>
          <Route path="/energy">
            <Energy />
          </Route>
          <Route path="/credits">
            <Credits />
          </Route>
          <Route path="/shares">
            <Shares />
          </Route>
          <Route path="/wallet">
            <Wallet />
          </Route>
          <Route>
            <NotFound />
          </Route>
        </Switch>
      </Suspense>
    </Frame>
  );
}
