import { useSpeech } from "../words/language.tsx";

/** Before anything is known: calm words, and the page goes on by itself. */
export function Offline() {
  const { words } = useSpeech();
  return (
    <main className="alone">
      <img src="/mark.svg" alt="" width="40" height="40" />
      <p role="status">{words.offline}</p>
    </main>
  );
}
