// Settlements that open to the bytes their device signed, checked in this browser.

import { Fragment, useEffect, useState } from "react";
import { bytesOf, judge, type Statement, sha256, statementOf, type Verdict } from "../evidence/statement.ts";
import { EvidenceFile } from "../pieces/EvidenceFile.tsx";
import { Figure, Hash, Scroll, State } from "../pieces/shown.tsx";
import * as auditor from "../words/auditor.ts";
import { useSpeech, useWords } from "../words/language.tsx";
import { type Item, nameOf } from "./evidence.ts";

interface Found {
  verdict: Verdict;
  digest: string;
  taken: Statement | null;
}

function useCheck(item: Item): Found | null {
  const [found, setFound] = useState<Found | null>(null);
  const statement = item.issuance?.measurement?.statement;
  useEffect(() => {
    let gone = false;
    if (!statement) return;
    const check = async () => {
      const verdict = await judge(statement.format, statement.signed, statement.publicKey);
      const bytes = bytesOf(statement.signed);
      let taken: Statement | null = null;
      try {
        taken = statementOf(bytes);
      } catch {
        // of another format: its bytes are shown as they are
      }
      return { verdict, digest: globalThis.crypto?.subtle ? await sha256(bytes) : "–", taken };
    };
    check().then((made) => !gone && setFound(made));
    return () => {
      gone = true;
    };
  }, [statement]);
  return found;
}

function Mark({ item }: { item: Item }) {
  const words = useWords(auditor);
  const found = useCheck(item);
  if (!found) return <span>–</span>;
  const tone = ({ holds: "good", fails: "bad", unknown: "calm" } as const)[found.verdict];
  return (
    <span data-verdict={found.verdict}>
      <State tone={tone}>{{ holds: words.holds, fails: words.fails, unknown: words.unknown }[found.verdict]}</State>
    </span>
  );
}

function Detail({ item }: { item: Item }) {
  const { clock, kwh, whole } = useSpeech();
  const words = useWords(auditor);
  const { fields } = words;
  const found = useCheck(item);
  const measurement = item.issuance?.measurement;
  const statement = measurement?.statement;
  if (!statement) return <p className="storyline">{words.unknown}</p>;
  const rows: [string, string][] = [
    [fields.device, measurement.device?.eui ?? "–"],
    [fields.key, `${statement.keyNumber} · ${statement.kid}`],
    [fields.counter, whole(statement.counter)],
    [fields.first, clock.moment(found?.taken?.firstAt ?? statement.firstAt)],
    [fields.readings, whole(statement.readingCount)],
    [fields.register, `${measurement.register.obis} · ${kwh(measurement.registerWh)} kWh`],
    [fields.block, item.blockNumber === null || item.blockNumber === undefined ? "–" : whole(item.blockNumber)],
    [fields.root, found?.taken?.root ?? "–"],
    [fields.publicKey, statement.publicKey],
    [words.digest, found?.digest ?? "–"],
  ];
  return (
    <div className="storyline">
      <dl className="facts">
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd className={value.length > 30 ? "mono" : undefined}>{value}</dd>
          </div>
        ))}
      </dl>
      <p className="note">{words.bytes}</p>
      <pre className="bytes">{statement.signed.replace(/(.{2})/g, "$1 ").trim()}</pre>
      {item.issuance && <EvidenceFile path={`/evidence/issuances/${encodeURIComponent(item.issuance.id)}`} />}
    </div>
  );
}

export function EvidenceTable({ items }: { items: readonly Item[] }) {
  const { clock, kwh } = useSpeech();
  const words = useWords(auditor);
  const [open, setOpen] = useState<string | null>(null);
  return (
    <Scroll>
      <table className="data">
        <thead>
          <tr>
            <th scope="col">{words.period}</th>
            <th scope="col">{words.source}</th>
            <th scope="col" className="number">
              {words.energy}
            </th>
            <th scope="col">{words.signature}</th>
            <th scope="col">{words.transaction}</th>
            <th scope="col">
              <span className="unseen">{words.open}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {items.map((item) => {
            const name = nameOf(item);
            return (
              <Fragment key={name}>
                <tr>
                  <td>
                    {clock.moment(item.periodStart)}–{clock.time(item.periodEnd)}
                  </td>
                  <td>{item.source?.name ?? "–"}</td>
                  <td className="number">
                    <Figure value={kwh(item.energyWh)} unit="kWh" />
                  </td>
                  <td>
                    <Mark item={item} />
                  </td>
                  <td>{item.txHash ? <Hash value={item.txHash} kind="tx" /> : "–"}</td>
                  <td className="number">
                    <button
                      type="button"
                      className="link"
                      aria-expanded={open === name}
                      onClick={() => setOpen(open === name ? null : name)}
                    >
                      {open === name ? words.closeOne : words.open}
                    </button>
                  </td>
                </tr>
                {open === name && (
                  <tr>
                    <td colSpan={6} className="story">
                      <Detail item={item} />
                    </td>
                  </tr>
                )}
              </Fragment>
            );
          })}
        </tbody>
      </table>
    </Scroll>
  );
}
