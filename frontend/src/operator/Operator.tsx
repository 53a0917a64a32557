// An operator's views.

import { lazy, Suspense } from "react";
import { Route, Switch } from "wouter";
import { Frame } from "../app/Frame.tsx";
import { NotFound } from "../app/NotFound.tsx";
import type { FrameProps } from "../app/Signed.tsx";
import { useRun } from "../pieces/Reconciliation.tsx";
import { Waiting } from "../pieces/shown.tsx";
import { useWords } from "../words/language.tsx";
import * as operator from "../words/operator.ts";
import { Today } from "./Today.tsx";

const Devices = lazy(() => import("./Devices.tsx"));
const Device = lazy(() => import("./Device.tsx"));
const Completeness = lazy(() => import("./Completeness.tsx"));
const Breaks = lazy(() => import("../auditor/Breaks.tsx"));
const Onboarding = lazy(() => import("./Onboarding.tsx"));
const ShareRegister = lazy(() => import("./ShareRegister.tsx"));
const Corrections = lazy(() => import("./Corrections.tsx"));
const Balances = lazy(() => import("./Balances.tsx"));
const SignerChain = lazy(() => import("./SignerChain.tsx"));

export default function Operator({ frame }: { frame: FrameProps }) {
  const { nav } = useWords(operator);
  const open = useRun()?.nodes.length ?? 0;
  return (
    <Frame
      {...frame}
      nav={[
        { path: "/", name: nav.today },
        { path: "/devices", name: nav.devices },
        { path: "/onboarding", name: nav.onboarding },
        { path: "/completeness", name: nav.completeness },
        { path: "/shares", name: nav.shares },
        { path: "/corrections", name: nav.corrections },
        { path: "/breaks", name: nav.breaks, count: open },
        { path: "/balances", name: nav.members },
        { path: "/chain", name: nav.chain },
      ]}
    >
      <Suspense fallback={<Waiting rows={6} />}>
        <Switch>
          <Route path="/">
            <Today />
          </Route>
          <Route path="/devices">
            <Devices />
          </Route>
          <Route path="/devices/:id">{({ id }) => <Device id={decodeURIComponent(id)} />}</Route>
          <Route path="/onboarding">
            <Onboarding />
          </Route>
          <Route path="/shares">
            <ShareRegister />
          </Route>
          <Route path="/corrections">
            <Corrections />
          </Route>
          <Route path="/completeness">
            <Completeness />
          </Route>
          <Route path="/breaks">
            <Breaks decide />
          </Route>
          <Route path="/balances">
            <Balances />
          </Route>
          <Route path="/chain">
            <SignerChain />
          </Route>
          <Route>
            <NotFound />
          </Route>
        </Switch>
      </Suspense>
    </Frame>
  );
}
