// An auditor's views.

import { lazy } from "react";
import type { FrameProps } from "../app/Signed.tsx";
import { Views } from "../app/Views.tsx";
import { useRun } from "../pieces/Reconciliation.tsx";
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
    <Views
      frame={frame}
      views={[
        { path: "/", name: nav.reconciliation, shows: <Periods /> },
        { path: "/evidence", name: nav.settlements, shows: <Evidence /> },
        { path: "/breaks", name: nav.breaks, count: open, shows: <Breaks decide={false} /> },
        { path: "/totals", name: nav.totals, shows: <Totals /> },
        { path: "/sample", name: nav.sample, shows: <Sample /> },
      ]}
    />
  );
}
