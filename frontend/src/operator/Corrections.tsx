// A correction: what it would change is looked at before it is recorded.

import { Button, FileButton, NativeSelect, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { bytesOf, sha256 } from "../evidence/statement.ts";
import { amount } from "../figures/amounts.ts";
import { graphql } from "../graphql/gql.ts";
import type { CorrectionKind, CorrectionPreviewQuery } from "../graphql/graphql.ts";
import { useAsk, useAskNow } from "../live/hooks.tsx";
import { CorrectionList } from "../pieces/CorrectionList.tsx";
import { Figure, Panel, Trouble } from "../pieces/shown.tsx";
import { useSpeech, useWords } from "../words/language.tsx";
import * as operator from "../words/operator.ts";
import { Command } from "./Command.tsx";

const PLANTS = graphql(`query Plants { energySources(first: 200) { nodes { id name } } }`);
const PREVIEW = graphql(`
  query CorrectionPreview($sourceId: ID!, $kind: CorrectionKind!, $energyWh: WattHours!) {
    correctionPreview(sourceId: $sourceId, kind: $kind, energyWh: $energyWh) {
      before { verifiedWh mintedWh supplementWh debtWh }
      after { verifiedWh mintedWh supplementWh debtWh }
      effects { difference holder { id name } }
    }
  }
`);
const RECORD = graphql(`
  mutation RecordCorrection($sourceId: ID!, $kind: CorrectionKind!, $energyWh: WattHours!, $evidence: Hash!, $command: CommandInput!) {
    recordCorrection(sourceId: $sourceId, kind: $kind, energyWh: $energyWh, evidence: $evidence, command: $command) {
      __typename
      ... on CorrectionRecorded { calldata }
      ... on Problem { sentence }
    }
  }
`);
const ACCOUNT = ["verifiedWh", "mintedWh", "supplementWh", "debtWh"] as const;

function Preview({ of, kind }: { of: CorrectionPreviewQuery["correctionPreview"]; kind: CorrectionKind }) {
  const { kwh, tokens } = useSpeech();
  const words = useWords(operator).corrections;
  // The API says how much; of a debt everybody gets so much less.
  const signed = (text: string) => (kind === "DEBT" ? "\u2212" : "+") + tokens(amount(text));
  return (
    <div className="columns" data-testid="correction-preview">
      <table className="data">
        <thead>
          <tr>
            <th scope="col">
              <span className="unseen">{words.kind}</span>
            </th>
            <th scope="col" className="number">
              {words.before}
            </th>
            <th scope="col" className="number">
              {words.after}
            </th>
          </tr>
        </thead>
        <tbody>
          {ACCOUNT.map((each) => (
            <tr key={each}>
              <th scope="row">{words.rows[each]}</th>
              <td className="number">
                <Figure value={kwh(of.before[each])} unit="kWh" />
              </td>
              <td className="number">
                <Figure value={kwh(of.after[each])} unit="kWh" />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <table className="data">
        <thead>
          <tr>
            <th scope="col">{words.effects}</th>
            <th scope="col" className="number">
              {words.difference}
            </th>
          </tr>
        </thead>
        <tbody>
          {of.effects.map((each, at) => (
            <tr key={each.holder?.id ?? at}>
              <td>{each.holder?.name ?? "–"}</td>
              <td className="number">
                <Figure value={signed(each.difference)} unit="KWH" />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export default function Corrections() {
  const words = useWords(operator).corrections;
  const ask = useAskNow();
  const plants = useAsk(PLANTS, {}).data?.energySources.nodes ?? [];
  const [source, setSource] = useState("");
  const [kind, setKind] = useState<CorrectionKind>("DEBT");
  const [energy, setEnergy] = useState("");
  const [evidence, setEvidence] = useState("");
  const [preview, setPreview] = useState<CorrectionPreviewQuery["correctionPreview"] | null>(null);
  const [problem, setProblem] = useState<Error | null>(null);
  const [calldata, setCalldata] = useState<string | null>(null);
  const sourceId = source || plants[0]?.id || "";
  const asked = { sourceId, kind, energyWh: Number(energy) };

  const change =
    <Value,>(set: (value: Value) => void) =>
    (value: Value) => {
      set(value);
      setPreview(null);
    };
  const look = async (event?: FormEvent) => {
    event?.preventDefault();
    setProblem(null);
    try {
      setPreview((await ask(PREVIEW, asked)).correctionPreview);
    } catch (error) {
      setProblem(error as Error);
    }
  };
  const hashOf = async (file: File | null) => {
    if (file) setEvidence(`0x${await sha256(new Uint8Array(await file.arrayBuffer()))}`);
  };
  const ready = /^0x[0-9a-f]{64}$/i.test(evidence) && bytesOf(evidence).length === 32;

  return (
    <>
      <div className="page-head">
        <div>
          <h1>{words.title}</h1>
          <p className="lead">{words.lead}</p>
        </div>
      </div>
      <Panel title={words.look}>
        <form onSubmit={look} className="form">
          <NativeSelect
            label={words.title}
            value={sourceId}
            onChange={(event) => change(setSource)(event.currentTarget.value)}
            data={plants.map(({ id, name }) => ({ value: id, label: name }))}
          />
          <NativeSelect
            label={words.kind}
            value={kind}
            onChange={(event) => change(setKind)(event.currentTarget.value as CorrectionKind)}
            data={(["DEBT", "SUPPLEMENT"] as const).map((value) => ({ value, label: words.kinds[value] ?? value }))}
          />
          <TextInput
            label={words.energy}
            value={energy}
            onChange={(event) => change(setEnergy)(event.currentTarget.value.replace(/\D/g, "").slice(0, 15))}
            inputMode="numeric"
            required
            withAsterisk={false}
          />
          <Button type="submit" variant="default" disabled={!sourceId || !energy}>
            {words.look}
          </Button>
        </form>
        {problem && <Trouble error={problem} retry={() => void look()} />}
        {preview && (
          <>
            <Preview of={preview} kind={kind} />
            <div className="form evidence-form">
              <TextInput
                className="wide-field"
                label={words.evidence}
                description={words.evidenceNote}
                value={evidence}
                onChange={(event) => setEvidence(event.currentTarget.value.trim())}
                classNames={{ input: "mono" }}
              />
              <FileButton onChange={(file) => void hashOf(file)}>
                {(props) => (
                  <Button {...props} variant="default">
                    {words.pickEvidence}
                  </Button>
                )}
              </FileButton>
              {ready && (
                <Command
                  name={words.record}
                  title={`${words.record}: ${words.kinds[kind]}`}
                  primary
                  run={async (command) => {
                    const outcome = (await ask(RECORD, { ...asked, evidence, command })).recordCorrection;
                    if (outcome.__typename === "CorrectionRecorded") {
                      setPreview(null);
                      setCalldata(outcome.calldata ? `0x${outcome.calldata}` : null);
                    }
                    return outcome;
                  }}
                />
              )}
            </div>
          </>
        )}
      </Panel>
      {calldata && (
        <Panel title={words.toSend} lead={words.toSendNote}>
          <pre className="bytes" data-testid="calldata">
            {calldata}
          </pre>
        </Panel>
      )}
      <Panel title={words.title}>
        <CorrectionList empty={words.none} />
      </Panel>
    </>
  );
}
