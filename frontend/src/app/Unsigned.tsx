// Without a sign-in: the form, or the community's totals for everybody.

import { lazy, Suspense } from "react";
import { Route, Switch } from "wouter";
import { Waiting } from "../pieces/shown.tsx";
import { SignIn } from "./SignIn.tsx";
import type { Session } from "./session.ts";

const Public = lazy(() => import("../public/Public.tsx"));

export function Unsigned({ ended, onSession }: { ended: boolean; onSession(session: Session): void }) {
  return (
    <Switch>
      <Route path="/public">
        <Suspense fallback={<Waiting />}>
          <Public />
        </Suspense>
      </Route>
      <Route>
        <SignIn ended={ended} onSession={onSession} />
      </Route>
    </Switch>
  );
}
