// What a revision changes for whom.

import { Scroll } from "../pieces/shown.tsx";
import { useSpeech, useWords } from "../words/language.tsx";
import * as operator from "../words/operator.ts";

interface Change {
  before: number;
  after: number;
  holder?: { id: string; name: string } | null;
}

export function ShareChanges({ of }: { of: readonly Change[] }) {
  const { whole } = useSpeech();
  const words = useWords(operator).shareRegister;
  return (
    <Scroll>
      <table className="data">
        <thead>
          <tr>
            <th scope="col">{words.holder}</th>
            {[words.before, words.after, words.difference].map((each) => (
              <th key={each} scope="col" className="number">
                {each}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {of.map(({ before, after, holder }, at) => (
            <tr key={holder?.id ?? at} data-holder={holder?.id}>
              <td>{holder?.name ?? "–"}</td>
              <td className="number">{whole(before)}</td>
              <td className="number">{whole(after)}</td>
              <td className="number">
                {after === before ? "–" : `${after > before ? "+" : ""}${whole(after - before)}`}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}
