// How a device has been lately.

import { graphql } from "../graphql/gql.ts";
import type { HealthOfFragment } from "../graphql/graphql.ts";
import { Panel, State } from "../pieces/shown.tsx";
import { useSpeech, useWords } from "../words/language.tsx";
import * as operator from "../words/operator.ts";

export const HEALTH = graphql(`
  fragment HealthOf on DeviceHealth {
    missing24h { expected present perMille }
    missing7d { expected present perMille }
    missing30d { expected present perMille }
    signatureFailures counterAnomalies clockDriftMs clockDrifts airtimeMs
  }
`);

export function Health({ of, provisional }: { of: HealthOfFragment; provisional: number }) {
  const { whole, percent } = useSpeech();
  const words = useWords(operator);
  const spans = [
    [words.of24h, of.missing24h],
    [words.of7d, of.missing7d],
    [words.of30d, of.missing30d],
  ] as const;
  return (
    <Panel title={words.health}>
      <dl className="facts">
        {spans.map(([span, { expected, present, perMille }]) => (
          <div key={span}>
            <dt>
              {words.missing}, {span}
            </dt>
            <dd>
              <State tone={perMille === null ? "calm" : perMille > 0 ? "way" : "good"}>
                {words.missingShare(whole(expected - present), whole(expected))}
                {perMille ? ` (${percent(perMille)})` : ""}
              </State>
            </dd>
          </div>
        ))}
        <div>
          <dt>{words.signatureFailures}</dt>
          <dd>
            <State tone={of.signatureFailures > 0 ? "bad" : "good"}>{whole(of.signatureFailures)}</State>
          </dd>
        </div>
        <div>
          <dt>{words.counterAnomalies}</dt>
          <dd>
            <State tone={of.counterAnomalies > 0 ? "bad" : "good"}>{whole(of.counterAnomalies)}</State>
          </dd>
        </div>
        <div>
          <dt>{words.drift}</dt>
          <dd>
            {of.clockDriftMs === null || of.clockDriftMs === undefined ? (
              "–"
            ) : (
              <State tone={of.clockDrifts ? "way" : "good"}>
                {whole(of.clockDriftMs)}
                {"\u202f"}ms{of.clockDrifts ? `, ${words.driftTold}` : ""}
              </State>
            )}
          </dd>
        </div>
        <div>
          <dt>{words.airtime}</dt>
          <dd>
            {of.airtimeMs === null || of.airtimeMs === undefined ? words.noRadio : `${whole(of.airtimeMs)}\u202fms`}
          </dd>
        </div>
        <div>
          <dt>{words.provisional}</dt>
          <dd>{whole(provisional)}</dd>
        </div>
      </dl>
    </Panel>
  );
}
