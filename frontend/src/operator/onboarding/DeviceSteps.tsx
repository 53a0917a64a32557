// One device's way into service: each step with what stands in the books, the one that is due opened, any other one to open.

import "./way.css";
import { useState } from "react";
import { Link, useLocation } from "wouter";
import { Answer } from "../../pieces/shown.tsx";
import { useWords } from "../../words/language.tsx";
import * as onboarding from "../../words/onboarding.ts";
import { Acts } from "./Acts.tsx";
import { type Draft, useDraft } from "./draft.ts";
import { knownOf, type OnWay, useOnWay } from "./onWay.ts";
import { RowForm } from "./RowForm.tsx";
import { DEVICE, INSTALLATION, METER, POINT, SOURCE, type Values } from "./rows.ts";
import { Summary } from "./Summary.tsx";
import { isDone, nextStep, type Step, stepsOf } from "./steps.ts";

const ROWS = {
  device: ["DEVICES", DEVICE],
  meter: ["METERS", METER],
  point: ["METERING_POINTS", POINT],
  installation: ["INSTALLATIONS", INSTALLATION],
  source: ["SOURCES", SOURCE],
} as const;

/** What earlier steps have decided about this one's row. */
function fixedOf(step: Step, eui: string, draft: Draft, of: OnWay): Values {
  if (step === "device") return { device: eui };
  const given = (values: Record<string, string | undefined>): Values =>
    Object.fromEntries(Object.entries(values).filter(([, value]) => value)) as Values;
  if (step === "installation")
    return given({
      device: eui,
      meter: draft.entered.includes("meter") ? draft.typed.meter?.meter : undefined,
      metering_point: draft.entered.includes("point") ? draft.typed.point?.metering_point : undefined,
    });
  return step === "source" ? given({ metering_point: of.place?.meteringPoint?.code }) : {};
}

function Opened({
  step,
  eui,
  of,
  draft,
  change,
}: {
  step: Step;
  eui: string;
  of: OnWay;
  draft: Draft;
  change(next: Partial<Draft>): void;
}) {
  if (step !== "device" && step !== "meter" && step !== "point" && step !== "installation" && step !== "source")
    return <Acts step={step} of={of} />;
  const [kind, fields] = ROWS[step];
  return (
    <RowForm
      kind={kind}
      fields={fields}
      fixed={fixedOf(step, eui, draft, of)}
      typed={draft.typed[step]}
      reason={draft.reason}
      onTyped={(typed) => change({ typed: { ...draft.typed, [step]: typed } })}
      onEntered={(reason, values) => {
        const open = fields.filter((field) => !("secret" in field)).map(({ column }) => [column, values[column] ?? ""]);
        change({
          reason,
          typed: { ...draft.typed, [step]: Object.fromEntries(open) },
          entered: [...new Set([...draft.entered, step])],
        });
      }}
    />
  );
}

export default function DeviceSteps({ eui }: { eui: string }) {
  const words = useWords(onboarding);
  const of = useOnWay(eui);
  const [draft, change] = useDraft(eui);
  const [chosen, choose] = useState<Step | null>(null);
  const [, go] = useLocation();
  const known = knownOf(of, draft);
  const steps = stepsOf(known);
  const due = nextStep(known);
  const open = chosen ?? due;
  const waiting = { data: of.waiting ? undefined : of, error: of.error, refetch: of.retry };
  return (
    <>
      <div className="page-head">
        <div>
          <h1>{of.device?.name ?? words.title}</h1>
          <p className="lead">
            <span className="mono">{eui}</span>
            {due && !of.waiting ? ` · ${words.step(steps.indexOf(due) + 1, steps.length)}: ${words.steps[due]}` : ""}
          </p>
        </div>
        <Link href="/onboarding">{words.back}</Link>
      </div>
      <Answer of={waiting} rows={9}>
        {() => (
          <>
            {due === null && of.device && (
              <section className="panel in-service" role="status">
                <p>✓ {words.inService}</p>
                <Link className="next" href={`/devices/${encodeURIComponent(of.device.id)}`}>
                  {words.toDevice}
                </Link>
              </section>
            )}
            <ol className="way">
              {steps.map((step, at) => {
                const done = isDone(step, known);
                const state = done ? "done" : step === due ? "now" : "ahead";
                return (
                  <li key={step} data-step={step} data-state={state} aria-current={step === due ? "step" : undefined}>
                    <button
                      type="button"
                      className="way-head"
                      aria-expanded={open === step}
                      onClick={() => choose(open === step ? null : step)}
                      disabled={done && step !== "meter" && step !== "point"}
                    >
                      <span className="way-mark" aria-hidden="true">
                        {done ? "✓" : at + 1}
                      </span>
                      <b>{words.steps[step]}</b>
                      <span className="unseen">{words.states[state]}</span>
                      <Summary step={step} of={of} draft={draft} />
                    </button>
                    {open === step && (!done || chosen === step) && (
                      <div className="way-body">
                        <p className="note">{words.told[step]}</p>
                        <Opened
                          step={step}
                          eui={eui}
                          of={of}
                          draft={draft}
                          change={(next) => {
                            change(next);
                            if (next.entered) choose(null);
                          }}
                        />
                      </div>
                    )}
                  </li>
                );
              })}
            </ol>
            {due === null && (
              <p className="no-print">
                <button type="button" className="link" onClick={() => go("/onboarding")}>
                  {words.back}
                </button>
              </p>
            )}
          </>
        )}
      </Answer>
    </>
  );
}
