// An operator's views.

import { lazy } from "react";
import type { FrameProps } from "../app/Signed.tsx";
import { Views } from "../app/Views.tsx";
import { useRun } from "../pieces/Reconciliation.tsx";
import { useWords } from "../words/language.tsx";
import * as operator from "../words/operator.ts";
import { Today } from "./Today.tsx";

const Devices = lazy(() => import("./Devices.tsx"));
const Device = lazy(() => import("./Device.tsx"));
const Completeness = lazy(() => import("./Completeness.tsx"));
const Breaks = lazy(() => import("../auditor/Breaks.tsx"));
const Onboarding = lazy(() => import("./onboarding/Onboarding.tsx"));
const DeviceSteps = lazy(() => import("./onboarding/DeviceSteps.tsx"));
const ShareRegister = lazy(() => import("./ShareRegister.tsx"));
const Corrections = lazy(() => import("./Corrections.tsx"));
const Balances = lazy(() => import("./Balances.tsx"));
const SignerChain = lazy(() => import("./SignerChain.tsx"));

export default function Operator({ frame }: { frame: FrameProps }) {
  const { nav } = useWords(operator);
  const open = useRun()?.nodes.length ?? 0;
  return (
    <Views
      frame={frame}
      views={[
        { path: "/", name: nav.today, shows: <Today /> },
        { path: "/devices", name: nav.devices, shows: <Devices /> },
        { path: "/devices/:id", shows: ({ id = "" }) => <Device id={decodeURIComponent(id)} /> },
        { path: "/onboarding", name: nav.onboarding, shows: <Onboarding /> },
        { path: "/onboarding/:eui", shows: ({ eui = "" }) => <DeviceSteps key={eui} eui={eui.toLowerCase()} /> },
        { path: "/completeness", name: nav.completeness, shows: <Completeness /> },
        { path: "/shares", name: nav.shares, shows: <ShareRegister /> },
        { path: "/corrections", name: nav.corrections, shows: <Corrections /> },
        { path: "/breaks", name: nav.breaks, count: open, shows: <Breaks decide /> },
        { path: "/balances", name: nav.members, shows: <Balances /> },
        { path: "/chain", name: nav.chain, shows: <SignerChain /> },
      ]}
    />
  );
}
