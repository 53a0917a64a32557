// One device: its state, keys, installations and latest readings with their signatures.

import { Link } from "wouter";
import { CheckedMark } from "../evidence/Checked.tsx";
import { graphql } from "../graphql/gql.ts";
import { useAsk } from "../live/hooks.tsx";
import { Answer, Empty, Figure, Panel, Scroll, State } from "../pieces/shown.tsx";
import { kindName } from "../words/kinds.ts";
import { useSpeech, useWords } from "../words/language.tsx";
import * as operator from "../words/operator.ts";
import { Approve, ApproveIssuance, BindKey, ConfirmSerial, Revoke } from "./commands.tsx";
import { Health } from "./Health.tsx";

const DEVICE = graphql(`
  query Device($id: ID!) {
    identity(id: $id) {
      __typename id name
      ... on Device {
        eui payloadFormat profile state onboarding approvedAt lastSeenAt
        health { ...HealthOf }
        provisionalReadings { at registersWh }
        keys { number kid publicKey isDevelopmentKey validFrom validTo }
        installations {
          id validFrom validTo factor maxPowerW
          meter { serial maker model registers { obis } }
          meteringPoint {
            id name code direction
            measurements(first: 12) {
              nodes {
                id at registerWh readOffsetS recordedAt register { obis }
                device { id }
                statement { counter format signed publicKey }
              }
            }
          }
        }
      }
    }
  }
`);

export default function Device({ id }: { id: string }) {
  const { clock, age, kwh, whole, language } = useSpeech();
  const words = useWords(operator);
  const answer = useAsk(DEVICE, { id }, { refreshMs: 20_000 });
  return (
    <Answer of={answer} rows={10}>
      {({ identity: device }) => {
        if (device.__typename !== "Device") return <Empty>{words.noDevices}</Empty>;
        const readings = device.installations
          .flatMap(({ meteringPoint }) => meteringPoint?.measurements.nodes ?? [])
          .filter((each) => each.device?.id === device.id);
        const isPlants = device.installations.some(({ meteringPoint }) => meteringPoint?.direction === "production");
        return (
          <>
            <div className="page-head">
              <div>
                <h1>{device.name}</h1>
                <p className="lead">
                  <span className="mono">{device.eui}</span> · {device.payloadFormat} · {words.stage}:{" "}
                  {kindName(device.onboarding, language)} ·{" "}
                  {device.lastSeenAt ? words.lastSeen(age(device.lastSeenAt)) : words.neverSeen}
                </p>
              </div>
              <div className="actions">
                <State tone={device.state === "active" ? "good" : device.state === "pending" ? "way" : "calm"}>
                  {kindName(device.state, language)}
                </State>
                {device.state !== "revoked" && device.keys.length === 0 && (
                  <BindKey deviceId={device.id} name={device.name} />
                )}
                {device.state === "pending" && (
                  <Link href={`/onboarding/${device.eui}`} className="next">
                    {words.steps}
                  </Link>
                )}
                {device.state === "pending" && <ConfirmSerial deviceId={device.id} name={device.name} />}
                {device.state === "pending" && <Approve deviceId={device.id} name={device.name} />}
                {device.state === "active" && device.onboarding !== "approved" && isPlants && (
                  <ApproveIssuance deviceId={device.id} name={device.name} />
                )}
                {device.state !== "revoked" && <Revoke deviceId={device.id} name={device.name} />}
              </div>
            </div>
            {device.health && <Health of={device.health} provisional={device.provisionalReadings.length} />}
            <div className="columns">
              <Panel title={words.keys}>
                {device.keys.map((key) => (
                  <dl key={key.number} className="facts">
                    <div>
                      <dt>{words.keyNumber}</dt>
                      <dd>{key.number}</dd>
                    </div>
                    <div>
                      <dt>{words.kid}</dt>
                      <dd className="mono">{key.kid}</dd>
                    </div>
                    <div>
                      <dt>{words.kind}</dt>
                      <dd>{key.isDevelopmentKey ? words.developmentKey : words.secureKey}</dd>
                    </div>
                    <div>
                      <dt>{words.validFrom}</dt>
                      <dd>
                        {clock.fullDay(key.validFrom)}
                        {key.validTo ? ` – ${clock.fullDay(key.validTo)}` : ""}
                      </dd>
                    </div>
                  </dl>
                ))}
              </Panel>
              <Panel title={words.installations}>
                {device.installations.length === 0 && <Empty>–</Empty>}
                {device.installations.map((each) => (
                  <dl key={each.id} className="facts">
                    <div>
                      <dt>{words.meteringPoint}</dt>
                      <dd>
                        {each.meteringPoint?.name} ({kindName(each.meteringPoint?.direction ?? "", language)})
                      </dd>
                    </div>
                    <div>
                      <dt>{words.meter}</dt>
                      <dd>
                        {each.meter.maker} {each.meter.model}
                      </dd>
                    </div>
                    <div>
                      <dt>{words.serial}</dt>
                      <dd>{each.meter.serial}</dd>
                    </div>
                    <div>
                      <dt>{words.validFrom}</dt>
                      <dd>
                        {clock.fullDay(each.validFrom)}
                        {each.validTo ? ` – ${clock.fullDay(each.validTo)}` : ""}
                      </dd>
                    </div>
                  </dl>
                ))}
              </Panel>
            </div>
            <Panel title={words.readings}>
              {readings.length === 0 ? (
                <Empty>{words.noReadings}</Empty>
              ) : (
                <Scroll>
                  <table className="data">
                    <thead>
                      <tr>
                        <th scope="col">{words.readAt}</th>
                        <th scope="col">{words.register}</th>
                        <th scope="col" className="number">
                          kWh
                        </th>
                        <th scope="col" className="number">
                          {words.offset}
                        </th>
                        <th scope="col" className="number">
                          {words.statement}
                        </th>
                        <th scope="col">{words.received}</th>
                        <th scope="col">
                          <span className="unseen">{words.state}</span>
                        </th>
                      </tr>
                    </thead>
                    <tbody>
                      {readings.map((each) => (
                        <tr key={each.id}>
                          <td>{clock.moment(each.at)}</td>
                          <td>{each.register.obis}</td>
                          <td className="number">
                            <Figure value={kwh(each.registerWh)} unit="kWh" />
                          </td>
                          <td className="number">{each.readOffsetS === 255 ? "–" : `${each.readOffsetS}\u202fs`}</td>
                          <td className="number">{each.statement ? whole(each.statement.counter) : "–"}</td>
                          <td>{clock.moment(each.recordedAt)}</td>
                          <td>{each.statement && <CheckedMark statement={each.statement} />}</td>
                        </tr>
                      ))}
                    </tbody>
                  </table>
                </Scroll>
              )}
            </Panel>
          </>
        );
      }}
    </Answer>
  );
}
