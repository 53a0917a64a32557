import { Link } from "wouter";
import { useSpeech } from "../words/language.tsx";

export function NotFound() {
  const { words } = useSpeech();
  return (
    <p className="empty">
      {words.notFound} <Link href="/">{words.home}</Link>
    </p>
  );
}
