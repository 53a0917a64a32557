// An auditor's views.

import { lazy, Suspense } from "react";
import { Route, Switch } from "wouter";
import { Frame } from "../app/Frame.tsx";
import { NotFound } from "../app/NotFound.tsx";
import type { FrameProps } from "../app/Signed.tsx";
import { useRun } from "../pieces/Reconciliation.tsx";
import { Waiting } from "../pieces/shown.tsx";
import * as auditor from "../words/auditor.ts";
import { useWords } from "../words/language.tsx";
import { Periods } from "./Periods.tsx";

const Evidence = lazy(() => import("./Evidence.tsx"));
const Breaks = lazy(() => import("./Breaks.tsx"));
const Totals = lazy(() => import("./Totals.tsx"));
const Sample = lazy(() => import("./Sample.tsx"));

export default function Auditor({ frame }: { frame: FrameProps }) {
  const { nav } = useWords(auditor);
  const open = useRun()?.nodes.length ?? 0;
  return (
    <Frame
      {...frame}
      nav={[
        { path: "/", name: nav.reconciliation },
        { path: "/evidence", name: nav.settlements },
        { path: "/breaks", name: nav.breaks, count: open },
        { path: "/totals", name: nav.totals },
        { path: "/sample", name: nav.sample },
      ]}
    >
      <Suspense fallback={<Waiting rows={6} />}>
        <Switch>
          <Route path="/">
            <Periods />
          </Route>
          <Route path="/evidence">
            <Evidence />
          </Route>
          <Route path="/breaks">
            <Breaks decide={false} />
          </Route>
          <Route path="/totals">
            <Totals />
          </Route>
          <Route path="/sample">
            <Sample />
          </Route>
          <Route>
            <NotFound />
          </Route>
        </Switch>
      </Suspense>
    </Frame>
  );
}
