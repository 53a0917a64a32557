// All devices.

import { Link } from "wouter";
import { graphql } from "../graphql/gql.ts";
import { useAsk } from "../live/hooks.tsx";
import { Answer, Empty, Panel, Scroll, State } from "../pieces/shown.tsx";
import { kindName } from "../words/kinds.ts";
import { useSpeech, useWords } from "../words/language.tsx";
import * as operator from "../words/operator.ts";

const DEVICES = graphql(`
  query Devices {
    devices(first: 500) { nodes { id name eui payloadFormat state lastSeenAt hasDevelopmentKey installations { validTo meteringPoint { id name } } } }
  }
`);

export default function Devices() {
  const { age, language } = useSpeech();
  const words = useWords(operator);
  const answer = useAsk(DEVICES, {}, { refreshMs: 30_000 });
  return (
    <>
      <div className="page-head">
        <div>
          <h1>{words.devices}</h1>
          <p className="lead">{words.devicesLead}</p>
        </div>
      </div>
      <Panel title={words.devices}>
        <Answer of={answer} rows={8}>
          {({ devices: { nodes } }) =>
            nodes.length === 0 ? (
              <Empty>{words.noDevices}</Empty>
            ) : (
              <Scroll>
                <table className="data">
                  <thead>
                    <tr>
                      <th scope="col">{words.device}</th>
                      <th scope="col">{words.eui}</th>
                      <th scope="col">{words.meteringPoint}</th>
                      <th scope="col">{words.state}</th>
                      <th scope="col">{words.keys}</th>
                    </tr>
                  </thead>
                  <tbody>
                    {nodes.map((each) => (
                      <tr key={each.id}>
                        <td>
                          <Link href={`/devices/${encodeURIComponent(each.id)}`}>{each.name}</Link>
                        </td>
                        <td className="mono">{each.eui}</td>
                        <td>
                          {each.installations
                            .filter(({ validTo }) => !validTo)
                            .map(({ meteringPoint }) => meteringPoint?.name)
                            .join(", ") || "–"}
                        </td>
                        <td>
                          <State tone={each.state === "active" ? "good" : each.state === "pending" ? "way" : "calm"}>
                            {kindName(each.state, language)}
                          </State>
                          <span className="note">
                            {" "}
                            {each.lastSeenAt ? words.lastSeen(age(each.lastSeenAt)) : words.neverSeen}
                          </span>
                        </td>
                        <td>{each.hasDevelopmentKey ? words.developmentKey : words.secureKey}</td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </Scroll>
            )
          }
        </Answer>
      </Panel>
    </>
  );
}
